// The board of Paint: words or patches that are switched on and off by pointer or keyboard.
//
// It is built once for an input and patched in place ever after, so that focus stays where it is. What comes from
// outside is set as textContent or as an attribute, never as HTML.

const boards = new WeakMap();
const REACH = 24; // pixels from a word within which a press is meant for it

export default function (component) {
  const root = component.parentElement;
  if (!boards.has(root)) boards.set(root, new Board(root));
  boards.get(root).show(component);
}

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// The same packing as rekd/ui/paint.py: four units a digit, the first unit first.
function pack(mask) {
  let digits = "";
  for (let i = 0; i < mask.length; i += 4) {
    const bits = [0, 1, 2, 3].map((j) => (mask[i + j] ? "1" : "0")).join("");
    digits += parseInt(bits, 2).toString(16);
  }
  return `${mask.length}-${digits}`;
}

function unpack(text) {
  const [count, digits] = text.split("-");
  return Array.from({ length: Number(count) }, (_, i) => Boolean(parseInt(digits[i >> 2], 16) & (8 >> (i & 3))));
}

class Board {
  constructor(root) {
    this.root = root;
    this.board = element("div", "board");
    root.append(this.board);
    this.sheet = null;
    this.stroke = null;
    this.board.addEventListener("pointerdown", (event) => this.begin(event));
    this.board.addEventListener("pointermove", (event) => this.drag(event));
    this.board.addEventListener("pointerup", (event) => this.end(event, true));
    this.board.addEventListener("pointercancel", (event) => this.end(event, false));
    this.board.addEventListener("keydown", (event) => this.press(event));
  }

  show({ data, setTriggerValue }) {
    this.tell = setTriggerValue;
    if (data.sheet !== this.sheet) {
      this.build(data);
    } else if (data.version === this.version && (data.turn < this.turn || this.stroke)) {
      return; // an answer to an older stroke: what was painted since is on its way to the server
    }
    if (data.version !== this.version) this.stroke = null;
    this.turn = data.turn;
    this.version = data.version;
    this.mask = unpack(data.painted);
    this.draw();
  }

  // Build ------------------------------------------------------------------------------------------------------------

  build(data) {
    this.sheet = data.sheet;
    this.stroke = null;
    const image = data.picture !== undefined;
    const place = image ? this.picture(data) : element("div", "flow");
    this.cells = data.cells.map((cell) => (image ? this.patch(cell, place, data) : this.word(cell, place)));
    this.cells.forEach((cell, number) => {
      cell.node.setAttribute("role", "checkbox");
      cell.node.setAttribute("aria-label", cell.label);
      cell.node.dataset.number = number;
      cell.node.tabIndex = number === 0 ? 0 : -1;
    });
    if (!image) this.ending(data, place);
    place.setAttribute("role", "group");
    place.setAttribute("aria-label", data.label);
    this.place = place;
    this.board.replaceChildren(place);
  }

  word(cell, place) {
    place.dir = "auto";
    const gap = element("span", "gap", cell.gap);
    const node = element("span", "", cell.text);
    place.append(gap, node);
    const joins = cell.gap.trim() === "" && !cell.gap.includes("\n");
    return { ...cell, node, gap: joins ? gap : null };
  }

  ending(data, place) {
    place.append(element("span", "", data.rest));
    if (!data.unread) return;
    const unread = element("span", "unread");
    unread.append(element("span", "more", "not read from here"), data.unread);
    if (data.more) unread.append(element("span", "more", data.more));
    place.append(unread);
  }

  picture(data) {
    const [width, height] = data.size;
    const place = element("div", data.sharp ? "picture sharp" : "picture");
    place.style.aspectRatio = `${width} / ${height}`;
    this.image = element("img");
    this.image.alt = "";
    this.image.draggable = false;
    this.canvas = element("canvas");
    Object.assign(this.canvas, { width, height });
    this.image.onload = () => this.draw();
    this.image.src = data.picture;
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.lines = ["under", "over"].map((name) => {
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("class", name);
      path.setAttribute("stroke-width", (Math.max(width, height) / 130) * (name === "under" ? 1.9 : 1));
      svg.append(path);
      return path;
    });
    place.append(this.image, this.canvas, svg);
    return place;
  }

  patch(cell, place, data) {
    const [left, top, right, bottom] = cell.box;
    const [width, height] = data.size;
    const node = element("div");
    const percent = { left: left / width, top: top / height, width: (right - left) / width, height: (bottom - top) / height };
    for (const [side, share] of Object.entries(percent)) node.style[side] = `${100 * share}%`;
    place.append(node);
    return { ...cell, node };
  }

  // Draw -------------------------------------------------------------------------------------------------------------

  on(cell) {
    return cell.units.some((unit) => this.mask[unit]);
  }

  draw() {
    let before = false;
    for (const cell of this.cells) {
      const on = this.on(cell);
      cell.node.setAttribute("aria-checked", String(on));
      cell.node.classList.toggle("on", on);
      if (cell.gap) cell.gap.classList.toggle("on", on && before);
      before = on;
    }
    if (this.place.classList.contains("picture")) this.drawPicture();
  }

  drawPicture() {
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const boxes = this.cells.filter((cell) => this.on(cell)).map((cell) => cell.box);
    if (this.image.complete && this.image.naturalWidth) {
      for (const [left, top, right, bottom] of boxes) {
        const part = [left, top, right - left, bottom - top];
        context.drawImage(this.image, ...part, ...part);
      }
    }
    const path = border(boxes);
    for (const line of this.lines) line.setAttribute("d", path);
  }

  // Paint ------------------------------------------------------------------------------------------------------------

  set(cell, on) {
    for (const unit of cell.units) this.mask[unit] = on;
  }

  commit() {
    this.turn += 1;
    this.tell("stroke", { sheet: this.sheet, painted: pack(this.mask), turn: this.turn });
  }

  at(x, y) {
    const found = this.root.elementFromPoint(x, y)?.closest?.("[data-number]");
    return found && this.board.contains(found) ? this.cells[found.dataset.number] : null;
  }

  // A press between two words means the nearer one; a press further off, on the scroll bar or on what was never read
  // means none.
  near({ clientX: x, clientY: y, target }) {
    const { left } = this.place.getBoundingClientRect();
    if (target.closest(".unread") || x > left + this.place.clientLeft + this.place.clientWidth) return null;
    let [nearest, least] = [null, REACH];
    for (const cell of this.cells) {
      for (const box of cell.node.getClientRects()) {
        const off = Math.hypot(Math.max(box.left - x, 0, x - box.right), Math.max(box.top - y, 0, y - box.bottom));
        if (off < least) [nearest, least] = [cell, off];
      }
    }
    return nearest;
  }

  begin(event) {
    if (event.button !== 0 || !event.isPrimary) return;
    const cell = this.at(event.clientX, event.clientY) ?? this.near(event);
    if (!cell) return;
    event.preventDefault(); // neither a selection of text nor a picture that is dragged
    this.board.setPointerCapture(event.pointerId);
    this.stroke = { before: [...this.mask], on: !this.on(cell), x: event.clientX, y: event.clientY };
    this.focus(cell, true);
    this.touch(cell);
  }

  touch(cell) {
    if (!cell || this.on(cell) === this.stroke.on) return;
    this.set(cell, this.stroke.on);
    this.draw();
  }

  drag(event) {
    if (!this.stroke) return;
    // A fast pointer skips what lies between two events: walk the way in steps smaller than any unit.
    const { x, y } = this.stroke;
    const steps = Math.max(1, Math.ceil(Math.hypot(event.clientX - x, event.clientY - y) / 6));
    for (let i = 1; i <= steps; i += 1) {
      this.touch(this.at(x + ((event.clientX - x) * i) / steps, y + ((event.clientY - y) * i) / steps));
    }
    Object.assign(this.stroke, { x: event.clientX, y: event.clientY });
  }

  end(event, keep) {
    if (!this.stroke) return;
    const { before } = this.stroke;
    this.stroke = null;
    if (keep) {
      this.commit();
    } else {
      this.mask = before; // the finger began to scroll
      this.draw();
    }
  }

  // Keyboard ---------------------------------------------------------------------------------------------------------

  focus(cell, still) {
    for (const other of this.cells) other.node.tabIndex = other === cell ? 0 : -1;
    cell.node.focus({ preventScroll: still });
  }

  press(event) {
    const number = Number(event.target.dataset?.number ?? NaN);
    if (Number.isNaN(number) || event.altKey) return;
    if (event.ctrlKey || event.metaKey) return this.command(event);
    const cell = this.cells[number];
    if (event.key === " " || event.key === "Enter") {
      this.take(event);
      if (event.repeat) return;
      this.set(cell, !this.on(cell));
      this.draw();
      return this.commit();
    }
    const next = this.next(event.key, number);
    if (next === undefined) return;
    this.take(event);
    this.focus(next, false);
    if (event.shiftKey && this.on(next) !== this.on(cell)) {
      this.set(next, this.on(cell)); // paints, or erases, along the way
      this.draw();
      this.commit();
    }
  }

  command(event) {
    const key = event.key.toLowerCase();
    if (key !== "z" && key !== "y") return;
    this.take(event);
    this.tell("command", key === "y" || event.shiftKey ? "redo" : "undo");
  }

  take(event) {
    event.preventDefault();
    event.stopPropagation();
  }

  next(key, number) {
    const last = this.cells.length - 1;
    const forth = getComputedStyle(this.place).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
    if (key === "Home") return this.cells[0];
    if (key === "End") return this.cells[last];
    if (key === "ArrowLeft" || key === "ArrowRight") {
      return this.cells[Math.min(last, Math.max(0, number + (key === forth ? 1 : -1)))];
    }
    if (key === "ArrowUp" || key === "ArrowDown") return this.across(key === "ArrowDown", number);
    return undefined;
  }

  across(down, number) {
    const middle = (box) => (box.left + box.right) / 2;
    const rows = this.cells.map((cell) => ({ cell, box: cell.node.getClientRects()[0] ?? cell.node.getBoundingClientRect() }));
    const here = rows[number].box;
    const half = here.height / 2;
    const beyond = rows.filter(({ box }) => (down ? box.top > here.top + half : box.top < here.top - half));
    if (!beyond.length) return this.cells[number];
    const line = Math[down ? "min" : "max"](...beyond.map(({ box }) => box.top));
    const nearest = beyond.filter(({ box }) => Math.abs(box.top - line) < half);
    nearest.sort((a, b) => Math.abs(middle(a.box) - middle(here)) - Math.abs(middle(b.box) - middle(here)));
    return nearest[0].cell;
  }
}

// The path along the outside of a union of boxes: an edge that two of them share is left out.
function border(boxes) {
  const edges = new Set();
  for (const [left, top, right, bottom] of boxes) {
    const sides = [[left, top, right, top], [left, bottom, right, bottom], [left, top, left, bottom], [right, top, right, bottom]];
    for (const side of sides) {
      const edge = `M${side[0]} ${side[1]}L${side[2]} ${side[3]}`;
      if (!edges.delete(edge)) edges.add(edge);
    }
  }
  return [...edges].join("");
}
