/** What every page does around its text: progress, narration, questions. */

import { enlivenChecks } from "./checks.js";
import { sections } from "./contents.js";
import { leadsTo, nameOf } from "./dom.js";
import { noteDemos, showProgress } from "./marks.js";
import { addPlayer } from "./player.js";
import { Memory } from "./progress.js";

const memory = new Memory();
memory.follow(window);
const here = sections.find(({ page }) => leadsTo(window.location.href, page));
showProgress(memory, sections, here);
noteDemos(memory, sections, here);
if (here) {
  enlivenChecks(memory, nameOf(here));
  const article = document.querySelector("article.bd-article");
  if (article) addPlayer(article, memory, nameOf(here));
}
document.documentElement.dataset.course = "ready";
