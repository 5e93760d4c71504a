/** The prose of a page as sentences, each with the range of the page that it stands in. */

import { formulaToWords } from "./formula.js";

/** @typedef {{text: string, range: Range, block: Element}} Line one sentence */

const SHORT = /(?:^|[\s(])(?:e\.g|i\.e|al|vs|cf|etc|approx|Fig|Eq|No|Dr|St|[A-Z])\.$/;
const NUMBERED = /^\s*\d+\.$/;
const END = /[.!?…]+["'”’)\]]*(?=\s)|[.!?…]+["'”’)\]]*$/g;

/**
 * Where the sentences of a text begin and end.
 * @param {string} text @returns {[number, number][]}
 */
export function sentences(text) {
  const found = [];
  let start = 0;
  for (const match of text.matchAll(END)) {
    const end = match.index + match[0].length;
    const next = text.slice(end).match(/^\s+["'“‘(\[]*(.)/u)?.[1];
    if (
      SHORT.test(text.slice(start, match.index + 1)) ||
      NUMBERED.test(text.slice(start, end)) ||
      (next && /\p{Ll}/u.test(next))
    )
      continue;
    found.push([start, end]);
    start = end;
  }
  found.push([start, text.length]);
  return found
    .map(([from, to]) => trimmed(text, from, to))
    .filter(([from, to]) => /[\p{L}\p{N}]/u.test(text.slice(from, to)));
}

/** @param {string} text @param {number} from @param {number} to @returns {[number, number]} */
function trimmed(text, from, to) {
  const inside = text.slice(from, to);
  return [from + inside.length - inside.trimStart().length, from + inside.trimEnd().length];
}

const BLOCKS = new Set([
  "ARTICLE",
  "ASIDE",
  "BLOCKQUOTE",
  "DD",
  "DIV",
  "DL",
  "DT",
  "FIGCAPTION",
  "FIGURE",
  "H1",
  "H2",
  "H3",
  "H4",
  "H5",
  "H6",
  "LI",
  "OL",
  "P",
  "SECTION",
  "UL",
]);
/** Code, pictures, tables, folded answers and everything that is operated rather than read. */
const SKIPPED =
  "pre, .cell_input, .highlight, script, style, noscript, button, form, table, svg, canvas, img, video, details, nav, footer, " +
  ".course-plot, .course-demo, [data-demo], latent-demo, .course-check, .course-player, .course-complete, .course-progress, .course-feedback, " +
  ".headerlink, .toctree-wrapper, .course-unseen, [hidden]";

/** How a piece of text in a code font is said. @param {string} code */
const said = (code) => code.replace(/[_.()[\]]/g, " ");

/** Inline content that belongs together, as text and the nodes it came from; every node's text keeps its length. */
class Run {
  constructor(block) {
    this.block = block;
    this.text = "";
    /** @type {{node: Node, start: number, whole: boolean}[]} */
    this.pieces = [];
  }

  add(node, text, whole) {
    this.pieces.push({ node, start: this.text.length, whole });
    this.text += text.replace(/\s/g, " ");
  }

  at(offset) {
    return this.pieces.findLast((piece) => piece.start <= offset);
  }

  /** @returns {Line[]} */
  lines() {
    return sentences(this.text).map(([from, to]) => {
      const [first, last, range] = [this.at(from), this.at(to - 1), document.createRange()];
      if (first.whole) range.setStartBefore(first.node);
      else range.setStart(first.node, from - first.start);
      if (last.whole) range.setEndAfter(last.node);
      else range.setEnd(last.node, to - last.start);
      return {
        text: this.text
          .slice(from, to)
          .replace(/\s+/g, " ")
          .replace(/ (?=[.,:;?!)]|’s)/g, ""),
        range,
        block: this.block,
      };
    });
  }
}

/** The MathML beside a typeset formula. @param {Element} node */
const mathOf = (node) => (node.localName === "mjx-container" ? node.querySelector("mjx-assistive-mml math") : null);

/**
 * All sentences of an article, in the order in which they are read.
 * @param {Element} article @returns {Line[]}
 */
export function read(article) {
  /** @type {Run[]} */
  const runs = [new Run(article)];
  const walk = (/** @type {Node} */ node, /** @type {Element} */ block, /** @type {boolean} */ code) => {
    if (node.nodeType === Node.TEXT_NODE)
      runs.at(-1).add(node, code ? said(node.textContent) : node.textContent, false);
    if (!(node instanceof Element) || node.matches(SKIPPED)) return;
    const math = mathOf(node);
    if (math) return void runs.at(-1).add(node, ` ${formulaToWords(math)} `, true);
    const own = BLOCKS.has(node.tagName);
    if (own) runs.push(new Run(node));
    for (const child of node.childNodes) walk(child, own ? node : block, code || node.localName === "code");
    if (own) runs.push(new Run(block));
  };
  walk(article, article, false);
  return runs.flatMap((run) => run.lines());
}
