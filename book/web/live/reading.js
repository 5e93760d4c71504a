/** What the critic sees in a picture, in words: "a large scaly orange fox, sitting". */

const CHOICES = {
  species: ["dog", "fox", "cat"],
  texture: ["fluffy", "scaly"],
  coat: ["orange", "brown", "gray", "white", "blue"],
  background: ["green", "pink", "yellow", "purple"],
  stance: ["sitting", "standing", "walking"],
  facing: ["left", "right"],
};
const SMALL_BELOW = 0.61;
const LARGE_ABOVE = 0.69;

/**
 * @typedef {{words: Record<string, string>, scaly: number, size: number, sentence: string}} Reading
 */

/** @param {Float32Array} logits @returns {number[]} */
function softmax(logits) {
  const top = Math.max(...logits);
  const parts = Array.from(logits, (value) => Math.exp(value - top));
  const sum = parts.reduce((a, b) => a + b, 0);
  return parts.map((part) => part / sum);
}

/**
 * @param {Record<string, Float32Array>} answers of the critic's graph
 * @returns {Reading}
 */
export function reading(answers) {
  const words = Object.fromEntries(
    Object.entries(CHOICES).map(([name, choices]) => {
      const shares = softmax(answers[name]);
      return [name, choices[shares.indexOf(Math.max(...shares))]];
    }),
  );
  const size = answers.size[0];
  const word = size < SMALL_BELOW ? "small" : size > LARGE_ABOVE ? "large" : "";
  return { words, size, scaly: softmax(answers.texture)[1], sentence: sentence(words, word) };
}

/** @param {Record<string, string>} words @param {string} size */
function sentence({ texture, coat, species, stance }, size) {
  const described = [size, texture, coat, species].filter(Boolean).join(" ");
  return `${/^[aeiou]/.test(described) ? "an" : "a"} ${described}, ${stance}`;
}
