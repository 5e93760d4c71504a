import assert from "node:assert/strict";
import { test } from "node:test";

import { formulaToWords } from "../../../book/web/course/formula.js";

/** MathML as plain objects: `m('mfrac', m('mn', '1'), m('mn', '2'))`; an attribute goes in as an object. */
function m(localName, ...inside) {
  const attributes = inside.find((one) => typeof one === "object" && !one.localName) ?? {};
  const children = inside.filter((one) => one.localName);
  const own = inside.filter((one) => typeof one === "string").join("");
  return {
    localName,
    children,
    textContent: own || children.map((one) => one.textContent).join(""),
    getAttribute: (name) => attributes[name] ?? null,
  };
}
const [i, n, o, row] = [(t, a) => m("mi", t, a ?? {}), (t) => m("mn", t), (t) => m("mo", t), (...c) => m("mrow", ...c)];
const bar = (t) => m("mover", i(t), o("¯"));
const says = (words, ...nodes) => assert.equal(formulaToWords(m("math", ...nodes)), words);

test("letters, numbers and signs", () => {
  says("beta equals 0.1", i("β"), o("="), n("0.1"));
  says(
    "8 times 8 times 3 over 16 equals 12",
    n("8"),
    o("⋅"),
    n("8"),
    o("⋅"),
    n("3"),
    m("mrow", o("/")),
    n("16"),
    o("="),
    n("12"),
  );
  says("x is at most minus 1", i("x"), o("≤"), o("−"), n("1"));
});

test("what hangs below, above and over a letter", () => {
  says("x sub t", m("msub", i("x"), i("t")));
  says("alpha bar sub t", m("msub", m("mrow", bar("α")), i("t")));
  says("sigma squared", m("msup", i("σ"), n("2")));
  says("x hat sub 0", m("msub", m("mover", i("x"), o("^")), n("0")));
  says("q k transposed", i("q"), m("msup", i("k"), o("⊤")));
  says("10 to the power of minus 4", m("msup", n("10"), row(o("−"), n("4"))));
});

test("roots and fractions say where they end", () => {
  says("the square root of alpha bar sub t", m("msqrt", m("msub", bar("α"), i("t"))));
  says(
    "the square root of 1 minus beta sub t, end of root, epsilon",
    m("msqrt", n("1"), o("−"), m("msub", i("β"), i("t"))),
    i("ϵ"),
  );
  says("one half", m("mfrac", n("1"), n("2")));
  says("the fraction a plus b, over c, end of fraction", m("mfrac", row(i("a"), o("+"), i("b")), i("c")));
});

test("a bracket behind a function means “of”, behind a number “times”", () => {
  says(
    "epsilon sub theta of z sub t, t",
    m("msub", i("ϵ"), i("θ")),
    o("("),
    m("msub", i("z"), i("t")),
    o(","),
    i("t"),
    o(")"),
  );
  says("q of z given x", i("q"), o("("), i("z"), o("∣"), i("x"), o(")"));
  says(
    "w times epsilon sub c minus epsilon sub u",
    i("w"),
    o("("),
    m("msub", i("ϵ"), i("c")),
    o("−"),
    m("msub", i("ϵ"), i("u")),
    o(")"),
  );
});

test("sums, products, expectations", () => {
  says(
    "the product over s is at most t of 1 minus beta sub s",
    m("munder", o("∏"), row(i("s"), o("≤"), i("t"))),
    o("("),
    n("1"),
    o("−"),
    m("msub", i("β"), i("s")),
    o(")"),
  );
  says("the sum over i from 1 to n of x", m("munderover", o("∑"), row(i("i"), o("="), n("1")), i("n")), i("x"));
  says(
    "the expectation under q of x",
    m("msub", i("E", { mathvariant: "double-struck" }), i("q")),
    o("["),
    i("x"),
    o("]"),
  );
  says(
    "epsilon is drawn from the normal distribution of 0, 1",
    i("ϵ"),
    o("∼"),
    i("N", { "data-mjx-variant": "-tex-calligraphic" }),
    o("("),
    n("0"),
    o(","),
    n("1"),
    o(")"),
  );
});

test("bars in pairs are a norm, a single one compares", () => {
  says("the norm of a, the norm of b", o("‖"), i("a"), o("‖"), o("‖"), i("b"), o("‖"));
  says("the norm of x, squared", o("‖"), i("x"), m("msup", o("‖"), n("2")));
  says("the K L divergence of q against p", m("mi", "KL"), o("("), i("q"), o("∥"), i("p"), o(")"));
});

test("a function without brackets has its argument, a long index ends", () => {
  says("the logarithm of sigma squared", m("mi", "log"), m("msup", i("σ"), n("2")));
  says(
    "the exponential of minus the fraction the norm of x, squared, over 2, end of fraction",
    m("mi", "exp"),
    o("("),
    o("−"),
    m("mfrac", row(o("‖"), i("x"), m("msup", o("‖"), n("2"))), n("2")),
    o(")"),
  );
  says("x sub t minus 1, plus 1", m("msub", i("x"), row(i("t"), o("−"), n("1"))), o("+"), n("1"));
});

test("lines of an equation follow each other, spacing is silent", () => {
  const line = (...nodes) => m("mtr", m("mtd", ...nodes));
  says("x equals 1, y equals 2", m("mtable", line(i("x"), o("="), m("mspace"), n("1")), line(i("y"), o("="), n("2"))));
});

test("whatever stands there, something is said and nothing raw is left", () => {
  says("something odd", m("munheard", m("mtext", "something"), m("mtext", "odd")));
  says("", m("mrow"));
});
