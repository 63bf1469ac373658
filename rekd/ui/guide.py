"""How to read Explore, in plain words, for a person who does not know the paper."""

from __future__ import annotations

_UNITS = {
    "text": "The units are *words*; punctuation marks count as words too, and so does each Chinese or Japanese sign.",
    "image": "The units are *patches*, the squares of a grid laid over the picture.",
}

_GUIDE = """
**What is compared.** A model that *selects, then predicts* has two parts: a generator marks a few units of the input,
and a predictor answers from these alone. The marked units are its *rationale*. {units}

- **Teacher**: a larger model of this kind.
- **RE** (rationale extraction): a small one that learned to select by itself.
- **REKD** (RE with knowledge distillation): the same small one, taught by the teacher's selections and answers as well.
- **CLS** (classifier): an ordinary small model that reads everything. Captum explains it.

**Mask rule.** P(select) is the generator's probability for a unit. *Calibrated* marks every unit above a cut, set on
data kept apart for such choices (the dev split) so that on average the share p of an input is marked; *top-k* marks
just that share of every input; *threshold* marks what is above ½; *sampled* draws each unit by its probability.

**Leaks.** Under a card, *About this model* says whether the mask itself gives the answer away, by how many or which
units it marks. A flag means that a measure is over its bound; red means that the predictor reads such a code. Models
named *exhibit* do so on purpose; choose them under *Models compared*.

**Difference.** Against any model that selects: what both selected, what the other alone, what this one alone. *Chance*
is the same measure with one side's units shuffled.

**Captum.** Each method gives every unit a score for one prediction; the highest are marked, as many as the rationale
has. The *convergence delta* is by how much the scores miss the change that they should add up to.

**Chance, Proof, Paint.** The other looks below the cards: how much of a mask is the luck of one draw; what happens when
everything that was left out is replaced; and what the models say from a mask of your own.

**Scores.** One model, the *judge*, sees every mask in turn. *Sufficiency*: what its probability loses when it sees the
marked units alone. *Comprehensiveness*: what it loses without them. *AOPC*, a switch under *Captum and scores*: the
same, averaged over several numbers of units. *Random* and *centred* are controls that look at nothing: a mask worth
having beats them.
"""


def guide(modality: str) -> str:
    """The guide as Markdown, for "text" or "image"."""
    return _GUIDE.format(units=_UNITS[modality])
