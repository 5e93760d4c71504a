/** Formulas as words, from the MathML that MathJax leaves for screen readers beside each formula it draws. */

/**
 * What is used of a MathML element (an `Element` has it, and so has a plain object in a test).
 * @typedef {{localName: string, textContent: string | null, children: ArrayLike<Math>, getAttribute(name: string): string | null}} Math
 */

const GREEK = Object.fromEntries(
  (
    "α alpha β beta γ gamma δ delta ϵ epsilon ε epsilon ζ zeta η eta θ theta ι iota κ kappa λ lambda μ mu ν nu " +
    "ξ xi π pi ρ rho σ sigma τ tau ϕ phi φ phi χ chi ψ psi ω omega Γ Gamma Δ Delta Θ Theta Λ Lambda Σ Sigma Φ Phi Ψ Psi Ω Omega ∇ nabla " +
    "∞ infinity ℓ ell"
  )
    .split(" ")
    .flatMap((word, place, all) => (place % 2 ? [] : [[word, all[place + 1]]])),
);
const SIGNS = {
  "+": "plus",
  "−": "minus",
  "-": "minus",
  "±": "plus or minus",
  "×": "times",
  "⋅": "times",
  "·": "times",
  "∘": "after",
  "⊙": "times",
  "∗": "star",
  "=": "equals",
  "≠": "is not",
  "≈": "is about",
  "≡": "is",
  "<": "is less than",
  ">": "is greater than",
  "≤": "is at most",
  "≥": "is at least",
  "∼": "is drawn from",
  "~": "is drawn from",
  "∝": "is proportional to",
  "∈": "in",
  "→": "to",
  "↦": "goes to",
  "∣": "given",
  "|": "given",
  "/": "over",
  "∂": "partial",
  "…": "and so on",
  "⋯": "and so on",
  "%": "percent",
  "′": "prime",
  "!": "factorial",
  ",": ",",
  ";": ",",
  ":": ",",
  "∑": "the sum",
  "∏": "the product",
  "∫": "the integral",
  "⊤": "transposed",
};
const ACCENTS = {
  "¯": "bar",
  "―": "bar",
  "‾": "bar",
  "–": "bar",
  _: "bar",
  "^": "hat",
  ˆ: "hat",
  "~": "tilde",
  "˜": "tilde",
  "→": "vector",
  "⃗": "vector",
  "˙": "dot",
};
const POWERS = { 2: "squared", 3: "cubed", "⊤": "transposed", "∗": "star", "′": "prime" };
const ROWS = new Set(["math", "mrow", "mstyle", "mpadded", "semantics", "mtd", "texatom", "menclose"]);
const SILENT = new Set(["mspace", "mphantom", "annotation", "none", "mprescripts"]);
const BIG = new Set(["∑", "∏", "∫"]);
const NAMED = new Set(["log", "ln", "exp", "sin", "cos", "tan", "arg", "det"]);
const FUNCTIONS = new Set(["p", "q", "f", "g", "h", "N", "E", "D"]);

const text = (node) => (node.textContent ?? "").replace(/[\s\u2061-\u2064]+/g, " ").trim();
const children = (node) => Array.from(node.children);
const variant = (node) => node.getAttribute("mathvariant") ?? node.getAttribute("data-mjx-variant") ?? "";

/** The children of a row, rows within it dissolved. @param {Math} node @returns {Math[]} */
const flat = (node) =>
  children(node)
    .flatMap((child) => (ROWS.has(child.localName.toLowerCase()) ? flat(child) : [child]))
    .filter((child) => !SILENT.has(child.localName) && (text(child) || children(child).length));

/** The only thing in a row, or the row. @param {Math} node @returns {Math} */
function bare(node) {
  const inside = ROWS.has(node.localName.toLowerCase()) ? flat(node) : [];
  return inside.length === 1 ? inside[0] : node;
}

const simple = (node) => ["mi", "mn", "mtext", "msub"].includes(bare(node).localName);

/** A letter or a name. @param {Math} node */
function name(node) {
  const word = text(node);
  if (variant(node).includes("script") || variant(node).includes("calligraphic"))
    return word === "N" ? "the normal distribution" : word;
  if (variant(node).includes("double-struck")) return { E: "the expectation", R: "the real numbers" }[word] ?? word;
  if (word === "KL") return "the K L divergence";
  return (
    GREEK[word] ??
    { exp: "the exponential", log: "the logarithm", ln: "the natural logarithm", cos: "cosine", sin: "sine" }[word] ??
    word
  );
}

/** Whether a bracket behind this means that it is applied to what is inside. @param {Math | undefined} node */
function applies(node) {
  if (!node) return false;
  const [base, below] = ["msub", "msubsup"].includes(node.localName) ? children(node).map(bare) : [bare(node)];
  if (below && ["θ", "ϕ", "φ"].includes(text(below))) return true;
  return base.localName === "mi" && (FUNCTIONS.has(text(base)) || text(base).length > 1);
}

/** A sum, a product or an expectation with what stands below and above it. @param {Math} base @param {Math} below @param {Math | undefined} above */
function large(base, below, above) {
  const [over, to] = [words(below), above ? words(above) : ""];
  return `${words(base)} over ${to ? over.replace(" equals ", " from ") : over}${to ? ` to ${to}` : ""} of`;
}

const SPOKEN = {
  mi: name,
  mn: text,
  mtext: text,
  mo: (node) => SIGNS[text(node)] ?? GREEK[text(node)] ?? (/^\p{L}+$/u.test(text(node)) ? name(node) : ","),
  mfrac(node) {
    const [above, below] = children(node);
    if (text(above) === "1" && text(below) === "2") return "one half";
    return simple(above) && simple(below)
      ? `${words(above)} over ${words(below)}`
      : `the fraction ${words(above)}, over ${words(below)}, end of fraction,`;
  },
  msqrt: (node) => `the square root of ${row(flat(node))}${flat(node).length > 1 ? ", end of root," : ""}`,
  mroot: (node) => `the root of order ${words(children(node)[1])} of ${words(children(node)[0])}`,
  msup(node) {
    const [base, above] = children(node);
    return `${words(base)} ${power(above)}`;
  },
  msub(node) {
    const [base, below] = children(node);
    if (BIG.has(text(base))) return large(base, below, undefined);
    return name(bare(base)) === "the expectation"
      ? `the expectation under ${words(below)}`
      : `${words(base)} sub ${words(below)}${simple(below) ? "" : ","}`;
  },
  msubsup(node) {
    const [base, below, above] = children(node);
    return BIG.has(text(base)) ? large(base, below, above) : `${words(base)} sub ${words(below)} ${power(above)}`;
  },
  mover(node) {
    const [base, above] = children(node);
    return `${words(base)} ${ACCENTS[text(above)] ?? `with ${words(above)} above`}`;
  },
  munder(node) {
    const [base, below] = children(node);
    return BIG.has(text(base)) ? large(base, below, undefined) : `${words(base)} over ${words(below)} of`;
  },
  munderover: (node) => large(children(node)[0], children(node)[1], children(node)[2]),
  mtable: (node) =>
    children(node)
      .map((line) => row(children(line).flatMap(flat)))
      .join(", "),
};

const power = (above) => POWERS[text(above)] ?? `to the power of ${words(above)}`;

/** Whether this is a double bar, perhaps with a power. @param {Math} node */
const barred = (node) =>
  /^[‖∥]$/.test(text(node.localName === "msup" ? bare(children(node)[0]) : node)) && node.localName !== "mfrac";

/** The bars of a norm come in pairs; a single one stands between two things compared. @param {Math[]} nodes */
const pairs = (nodes) => nodes.filter(barred).length % 2 === 0;

/** Words for what stands in a row. @param {Math[]} nodes */
function row(nodes) {
  const norms = pairs(nodes);
  let open = false;
  return nodes
    .map((node, place) => {
      const sign = text(node);
      if (barred(node)) {
        if (!norms) return "against";
        open = !open;
        return open ? "the norm of" : node.localName === "msup" ? `, ${power(children(node)[1])}` : ",";
      }
      if (node.localName !== "mo" || !"([{".includes(sign) || !sign) {
        const argument = NAMED.has(sign) && nodes[place + 1] && !"([{".includes(text(nodes[place + 1]));
        return argument ? `${words(node)} of` : words(node);
      }
      const before = nodes[place - 1];
      if (applies(before)) return "of";
      return before && before.localName !== "mo" && !words(before).endsWith(" of") ? "times" : "";
    })
    .join(" ");
}

/** @param {Math} node @returns {string} */
function words(node) {
  const kind = node.localName.toLowerCase();
  if (SILENT.has(kind)) return "";
  if (ROWS.has(kind)) return row(flat(node));
  return SPOKEN[kind]?.(node) ?? row(flat(node));
}

/** Words for a formula. @param {Math} math its `<math>` element @returns {string} */
export const formulaToWords = (math) =>
  words(math)
    .replace(/\s+/g, " ")
    .replace(/( ,)+/g, ",")
    .replace(/,( of| equals)\b/g, "$1")
    .replace(/^[, ]+|[, ]+$/g, "")
    .replace(/,+/g, ",");
