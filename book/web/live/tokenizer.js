/**
 * CLIP's tokenizer: byte-pair encoding of lower-cased text (Sennrich et al., 2016; Radford et al., 2021), with the ids
 * that `CLIPTokenizer` gives.
 */

const PIECES = /<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+/gu;
const START = "<|startoftext|>";
const END = "<|endoftext|>";
const LAST = "</w>";

/**
 * Each byte as a printable letter: printable ones stand for themselves, the others are counted up from U+0100.
 * @returns {string[]}
 */
function byteLetters() {
  const printable = (b) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255);
  let others = 0;
  return Array.from({ length: 256 }, (_, b) => String.fromCodePoint(printable(b) ? b : 256 + others++));
}

export class Tokenizer {
  /** @param {{length: number, vocabulary: string[], merges: (string[] | string)[]}} tables */
  constructor({ length, vocabulary, merges }) {
    this.length = length;
    this.ids = new Map(vocabulary.map((token, id) => [token, id]));
    this.ranks = new Map(merges.map((pair, rank) => [Array.isArray(pair) ? pair.join(" ") : pair, rank]));
    this.letters = byteLetters();
    this.bytes = new TextEncoder();
  }

  /**
   * Join neighbours, those of the lowest rank first, while any may be joined.
   * @param {string} word
   * @returns {string[]}
   */
  join(word) {
    const parts = Array.from(this.bytes.encode(word), (byte) => this.letters[byte]);
    parts.push(parts.pop() + LAST);
    for (;;) {
      let best = Infinity;
      let at = -1;
      for (let k = 0; k + 1 < parts.length; k++) {
        const rank = this.ranks.get(`${parts[k]} ${parts[k + 1]}`) ?? Infinity;
        if (rank < best) [best, at] = [rank, k];
      }
      if (at < 0) return parts;
      parts.splice(at, 2, parts[at] + parts[at + 1]);
    }
  }

  /**
   * Ids of a text, with start and end, padded with the end or cut.
   * @param {string} text
   * @returns {BigInt64Array}
   */
  encode(text) {
    const words = text.normalize("NFC").replace(/\s+/gu, " ").toLowerCase().match(PIECES) ?? [];
    const tokens = words.flatMap((word) => (word === START || word === END ? [word] : this.join(word)));
    const kept = [START, ...tokens.slice(0, this.length - 2)];
    while (kept.length < this.length) kept.push(END);
    return BigInt64Array.from(kept, (token) => BigInt(this.ids.get(token) ?? this.ids.get(END) ?? 0));
  }

  /** Whether a text is longer than what is read of it. @param {string} text */
  cuts(text) {
    const words = text.normalize("NFC").toLowerCase().match(PIECES) ?? [];
    return words.flatMap((word) => this.join(word)).length > this.length - 2;
  }
}
