/** The captions of the course's world: the words of `course_utils.critters`, and its plain full caption. */

export const SPECIES = ["dog", "fox", "cat"];
export const TEXTURES = ["fluffy", "scaly"];
export const COATS = ["orange", "brown", "gray", "white", "blue"];
export const BACKGROUNDS = ["green", "pink", "yellow", "purple"];
export const STANCES = ["sitting", "standing", "walking"];
export const FACINGS = ["left", "right"];

/**
 * @param {{species: string, texture: string, coat: string, background: string, stance: string, facing: string,
 *   size?: string}} scene
 * @returns {string} "a large fluffy orange fox sitting on a green background, facing right"
 */
export function caption({ size = "", texture, coat, species, stance, background, facing }) {
  const described = [size, texture, coat, species].filter(Boolean).join(" ");
  const article = /^[aeiou]/.test(described) ? "an" : "a";
  return `${article} ${described} ${stance} on a ${background} background, facing ${facing}`;
}
