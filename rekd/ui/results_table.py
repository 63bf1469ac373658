"""The table of results as HTML: a line a row of the protocol, grouped by student, own runs among them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from rekd.results.published import published
from rekd.results.row import KINDS
from rekd.results.statistics import Spread
from rekd.results.summary import Aggregate
from rekd.ui.components import number
from rekd.ui.results_charts import SIGNS
from rekd.ui.results_groups import TAGS, Group, is_teacher

STYLE = """<style>
.rk-table.rk-results{font-size:.9rem}
.rk-table.rk-results th,.rk-table.rk-results td{padding:.34rem .4rem}
.rk-results td{white-space:nowrap}
.rk-results-hint{display:none}
.rk-results thead th{vertical-align:bottom}
.rk-results th:first-child,.rk-results td:first-child{position:sticky;left:0;z-index:1;min-width:11rem;
  background:light-dark(#fff,#14161a)}
.rk-results .rk-results-group th{position:static;max-width:none;
  white-space:nowrap;text-align:left;font-weight:650;font-size:1rem;border-bottom-width:2px}
.rk-results .rk-note{margin:0;font-weight:400}
.rk-results tbody th{overflow-wrap:anywhere}
.rk-table.rk-results .rk-results-group th{padding-top:1.1rem}
.rk-results .rk-results-main{font-weight:650}
.rk-results td.rk-results-theirs{font-size:.82rem;font-style:italic;line-height:1.35;
  color:color-mix(in srgb,currentColor 78%,transparent)}
.rk-results-sign{display:inline-block;width:1.3em}
@media (max-width:640px){
  .rk-results th:first-child,.rk-results td:first-child{min-width:8.5rem;max-width:10.5rem}
  .rk-results .rk-results-theirs{display:none}
  .rk-results-hint{display:block;text-align:right}}
</style>"""


@dataclass(frozen=True)
class Column:
    """head: above it. help: a sentence. cell: of a row, as HTML. style: its class. measure: it is left out where no row
    has this measure; "" is always there."""

    head: str
    help: str
    cell: Callable[[Aggregate], str]
    style: str = ""
    measure: str = ""


def table(groups: Sequence[Group], titles: Mapping[str, str], caption: str) -> str:
    """All rows of some groups, aligned. titles: task -> what it is called."""
    names = [f"{titles.get(group.task, group.task)} · {group.size}" for group in groups]
    shown = columns(groups)
    lines = ("".join(_line(row, shown) for row in group.rows) for group in groups)
    return framed(shown, zip(names, lines, strict=True), caption)


def columns(groups: Iterable[Group]) -> tuple[Column, ...]:
    """The columns of these rows, without those of what none of them has measured."""
    rows = [row for group in groups for row in group.rows]

    def measured(name: str) -> bool:
        return any(row.of(name, every=True).n for row in rows)

    return tuple(column for column in COLUMNS if not column.measure or measured(column.measure))


def framed(columns: Sequence[Column], groups: Iterable[tuple[str, str]], caption: str, style: str = "") -> str:
    """A table that scrolls sideways. groups: title, and lines as HTML. style: a further class."""
    heads = "".join(
        f'<th scope="col"{column.style and f" class={column.style}"} title="{escape(column.help, quote=True)}">'
        f"{escape(column.head)}</th>"
        for column in columns
    )
    body = "".join(
        f'<tbody><tr class="rk-results-group"><th scope="rowgroup" colspan="{len(columns) + 1}">{escape(title)}</th>'
        f"</tr>{lines}</tbody>"
        for title, lines in groups
    )
    label = escape(caption, quote=True)
    return (
        '<div class="rk-note rk-results-hint">The table scrolls sideways →</div>'
        f'<div class="rk-scroll" tabindex="0" role="group" aria-label="{label}">'
        f'<table class="{" ".join(filter(None, ("rk-table rk-results", style)))}" aria-label="{label}"><thead><tr>'
        f'<th scope="col">model</th>{heads}</tr></thead>{body}</table></div>'
    )


def named(row: Aggregate, note: str = "") -> str:
    """The first cell of a row's line: its kind and setting, whose it is, its name, and a note as HTML."""
    sign = SIGNS[row.kind]
    name = KINDS[row.kind] + (f", {row.setting}" if row.setting else "")
    tag = f' <span class="rk-tag">{TAGS[row.part]}</span>' if row.part in TAGS else ""
    return (
        f'<th scope="row"><span class="rk-results-sign" style="color:{sign.colour}" aria-hidden="true">{sign.letter}'
        f'</span>{escape(name)}{tag}<div class="rk-name">{escape(row.name)}</div>{note}</th>'
    )


def _line(row: Aggregate, shown: Sequence[Column]) -> str:
    first = named(row, _budget(row))
    if not row.results:
        told = f'not run yet<div class="rk-note">{_seeds_wanted(row)}</div>'
        rest = f"<td>{told}</td>{_theirs(row)}" + f'<td colspan="{len(shown) - 2}"></td>'
        return f'<tr class="rk-control">{first}{rest}</tr>'
    return f"<tr>{first}{''.join(column.cell(row) for column in shown)}</tr>"


def _budget(row: Aggregate) -> str:
    """How long and at what rate its runs were to learn; "" without a run."""
    return f'<div class="rk-note">{row.budget[0]:,} steps at {row.budget[1]}</div>' if row.budget else ""


def _seeds_wanted(row: Aggregate) -> str:
    return f"{len(row.wanted)} seed{'' if len(row.wanted) == 1 else 's'} wanted"


def spread(found: Spread, form: Callable[[float], str] = number) -> str:
    """Mean ± sd; a dash where there is none."""
    if found.mean is None:
        return "–"
    return form(found.mean) + ("" if found.sd is None else f' <span class="rk-name">± {form(found.sd)}</span>')


def share(value: float) -> str:
    """A share of units in percent with one decimal, so that a tenth of a point off the nominal rate is seen."""
    return f"{100 * value:.1f}\u00a0%"


def _accuracy(row: Aggregate) -> str:
    honest, every = row.of("accuracy"), row.of("accuracy", every=True)
    if every.mean is None:
        dev = row.of("dev", every=True)
        said = f'{spread(dev)}<div class="rk-note">on dev,<br>not read on test</div>' if dev.mean is not None else "–"
        return f"<td>{said}</td>"
    main = spread(honest) if honest.mean is not None else '<span class="rk-flag">⚑ no honest run</span>'
    notes = ["with the leaky", spread(every)] if row.leaky else []
    notes += [f"{len(row.unmeasured)} not read on test"] if row.unmeasured else []
    told = "".join(f'<div class="rk-note">{note}</div>' for note in notes)
    return f'<td class="rk-results-main">{main}{told}</td>'


def _seeds(row: Aggregate) -> str:
    if row.row is None:
        return f"<td>{len(row.results)}</td>"
    missing = f' title="missing: {", ".join(map(str, row.missing))}"' if row.missing else ""
    return f"<td{missing}>{len(row.done)} of {len(row.wanted)}</td>"


def _leaky(row: Aggregate) -> str:
    told = [result for result in row.results if result.honest is not None]
    if not told:
        return '<td title="no masks, or none measured">–</td>'
    said = f"{len(row.leaky)} of {len(told)}"
    return f'<td><span class="rk-flag">⚑ {said}</span></td>' if row.leaky else f"<td>{said}</td>"


def _rate(row: Aggregate) -> str:
    if row.kind in ("cls", "kd"):
        return "<td>reads all</td>"
    found, said = row.of("rate"), []
    if row.nominal:
        said.append(f"of {100 * row.nominal:g}\u00a0%")
    if found.sd is not None:
        said.append(f"± {100 * found.sd:.1f}")
    main = "–" if found.mean is None else share(found.mean)
    return f'<td>{main}<div class="rk-note">{", ".join(said)}</div></td>'


def _control(row: Aggregate) -> str:
    return f"<td>{spread(row.of('random'))}</td>"


def _amount(measure: str, form: Callable[[float], str]) -> Callable[[Aggregate], str]:
    """A column of what all seeds have alike: the mean alone, over every run."""

    def cell(row: Aggregate) -> str:
        mean = row.of(measure, every=True).mean
        return f"<td>{'–' if mean is None else form(mean)}</td>"

    return cell


def _millions(value: float) -> str:
    return f"{value / 1e6:.2f}\u00a0M" if value < 1e7 else f"{value / 1e6:.1f}\u00a0M"


def _megabytes(value: float) -> str:
    return f"{value / 1e6:.1f}\u00a0MB"


def _milliseconds(value: float) -> str:
    return f"{value:.1f}\u00a0ms"


def _theirs(row: Aggregate) -> str:
    """The paper's numbers of the same kind, beside rows of our own that change nothing of it."""
    if row.setting or row.row is None:
        return '<td class="rk-results-theirs"></td>'
    held = [each for each in published(row.task, row.kind) if each.teacher == is_teacher(row.size)]
    said = "<br>".join(f"{escape(each.model)} {number(each.accuracy)}" for each in held)
    return f'<td class="rk-results-theirs">{said}</td>'


THEIRS = "rk-results-theirs"
"""The class of the paper's column, which a narrow window leaves out."""
COLUMNS = (
    Column(
        "accuracy on test", "Under top-k at p, mean ± sd over honest seeds; kinds without a mask read all.", _accuracy
    ),
    Column("the paper's, theirs", "Published for other, pretrained models; part of no mean here.", _theirs, THEIRS),
    Column("seeds", "Runs that have ended, of those that the protocol wants.", _seeds),
    Column(
        "leaky", "Runs whose masks code the label, of those measured; they are in no mean of the first column.", _leaky
    ),
    Column("realised rate", "Share of an input's units that top-k selects, before empty masks are repaired.", _rate),
    Column(
        "on random masks",
        "Accuracy of the same predictor when it is given random masks of the same nominal rate.",
        _control,
    ),
    Column(
        "parameters",
        "Of all towers, without the word table that all text models share.",
        _amount("parameters", _millions),
    ),
    Column("file", "The stored weights, without that table.", _amount("bytes", _megabytes)),
    Column(
        "one answer",
        "Median time of one input's answer on one core of a processor.",
        _amount("cpu_ms", _milliseconds),
        measure="cpu_ms",
    ),
)
