/**
 * PyTorch's noise: the numbers of `torch.randn(n, generator=torch.Generator().manual_seed(seed))` on a CPU, so that a
 * picture of the page and one of a notebook begin with the same noise.
 *
 * Uniform numbers come from the Mersenne Twister (Matsumoto and Nishimura, 1998), 24 bits each; normal ones from
 * them by Box and Muller (1958), in blocks of sixteen: eight radii, then eight angles.
 */

const SIZE = 624;
const SHIFT = 397;
const BLOCK = 16;

export class Generator {
  /** @param {number} seed a whole number from 0 to 2**32 - 1 */
  constructor(seed) {
    this.state = new Uint32Array(SIZE);
    this.state[0] = seed;
    for (let k = 1; k < SIZE; k++) {
      const before = this.state[k - 1] ^ (this.state[k - 1] >>> 30);
      this.state[k] = Math.imul(1812433253, before) + k;
    }
    this.next = SIZE;
  }

  /** Renew the state. */
  twist() {
    const s = this.state;
    for (let k = 0; k < SIZE; k++) {
      const mixed = (s[k] & 0x80000000) | (s[(k + 1) % SIZE] & 0x7fffffff);
      s[k] = s[(k + SHIFT) % SIZE] ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0);
    }
    this.next = 0;
  }

  /** @returns {number} 32 random bits */
  bits() {
    if (this.next === SIZE) this.twist();
    let y = this.state[this.next++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /**
   * Standard normal numbers.
   * @param {number} count at least 16 and a multiple of 16: smaller tensors are drawn in another way
   * @returns {Float32Array}
   */
  normal(count) {
    if (count < BLOCK || count % BLOCK) throw new RangeError(`a multiple of ${BLOCK} numbers, not ${count}`);
    const values = Float32Array.from({ length: count }, () => (this.bits() & 0xffffff) / 2 ** 24);
    for (let start = 0; start < count; start += BLOCK) {
      for (let k = start; k < start + BLOCK / 2; k++) {
        const radius = Math.sqrt(-2 * Math.log(1 - values[k]));
        const angle = 2 * Math.PI * values[k + BLOCK / 2];
        values[k] = radius * Math.cos(angle);
        values[k + BLOCK / 2] = radius * Math.sin(angle);
      }
    }
    return values;
  }
}
