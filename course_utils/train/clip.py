r"""The text encoder and its companion: `transformers.CLIPModel`, trained to tell which caption goes with which picture.

    python -m course_utils.train.clip                              # two CPU cores: about 1.2 steps a second on one
    python -m course_utils.train.clip --batch 1024 --rate 2e-3 --steps 12000 --patch 8 --scenes 60000       # one GPU

Radford et al., Learning Transferable Visual Models from Natural Language Supervision (2021): the symmetric InfoNCE loss
(van den Oord et al., Contrastive Predictive Coding, 2018) with a learned temperature. Two things differ. The world is
small and captions leave words out, so a caption is often true of several pictures of a batch; such pairs are no
negatives and are left out of the sum. And half of a batch are mirror images of the other half, *left* and *right*
swapped in their captions: pictures that differ in nothing but where the animal looks. Without them the model ignores
it, as two captions of a batch hardly ever differ in that alone. OUT/model holds model, tokenizer and the pictures'
normalisation, and loads with the stock classes. A run that is killed goes on with the same command.
"""
from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor, nn
from torch.nn.functional import affine_grid, cross_entropy, grid_sample, normalize
from transformers import CLIPConfig, CLIPModel

from course_utils.critters import SYNONYMS, caption, parse, sample
from course_utils.critters.dataset import pictures
from course_utils.measure.embeddings import picture_embeddings, text_embeddings, top_1, unlike
from course_utils.models import tokenizer as tokens
from course_utils.train import common, words
from course_utils.train.critic import resampled
from course_utils.train.data import TRAINING_SEED, VALIDATION_SEED

SILENT = -1
"""In tables of attributes: a caption that does not say, a scene in the middle band of sizes."""


def network(patch: int = 16, width: int = 96) -> CLIPModel:
    """The pair of transformers, untrained: two layers for text, four for pictures."""
    ids = tokens.tokenizer()
    text = {"vocab_size": len(ids), "hidden_size": width, "intermediate_size": 4 * width, "num_hidden_layers": 2,
            "num_attention_heads": 4, "max_position_embeddings": tokens.LENGTH, "bos_token_id": ids.bos_token_id,
            "eos_token_id": ids.eos_token_id, "pad_token_id": ids.pad_token_id}
    vision = {"image_size": 128, "patch_size": patch, "hidden_size": 128, "intermediate_size": 512,
              "num_hidden_layers": 4, "num_attention_heads": 4}
    clip = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=64))
    if not torch.cuda.is_available():  # the fused kernel's backward pass in bfloat16 takes half of a CPU's time
        clip.set_attn_implementation("eager")
    return clip


class Pair(nn.Module):
    """Both sides in one `forward`, so that `accelerate` can wrap it for several processes."""

    def __init__(self, clip: CLIPModel) -> None:
        super().__init__()
        self.clip = clip

    def forward(self, ids: Int[Tensor, "b 24"], x: Float[Tensor, "b 3 128 128"]) -> tuple[Tensor, Tensor, Tensor]:
        """Picture and text embeddings `[b, 64]` and the inverse temperature, held at 100 or below as in the paper."""
        out = self.clip(input_ids=ids, pixel_values=x)
        return out.image_embeds, out.text_embeds, self.clip.logit_scale.clamp(max=np.log(100)).exp()


def similarities(pictures: Float[Tensor, "b d"], texts: Float[Tensor, "c d"]) -> Float[Tensor, "b c"]:
    """Cosines of each picture with each text."""
    return normalize(pictures.float(), dim=1) @ normalize(texts.float(), dim=1).T


def contrastive(logits: Float[Tensor, "b b"], agree: Bool[Tensor, "b b"]) -> Float[Tensor, ""]:
    r"""\(-\tfrac{1}{2b}\sum_i\left(\log\mathrm{softmax}_j\, l_{ij} + \log\mathrm{softmax}_j\, l_{ji}\right)_{j=i}\).

    Row i is a picture, column j a caption, the diagonal the pairs; other places that `agree` are left out of the sums.
    """
    others = agree & ~torch.eye(len(logits), dtype=torch.bool, device=logits.device)
    logits, own = logits.masked_fill(others, -torch.inf), torch.arange(len(logits), device=logits.device)
    return (cross_entropy(logits, own) + cross_entropy(logits.T, own)) / 2


def attributes(stated: Sequence[dict[str, str]]) -> Int[Tensor, "n 7"]:
    """Attributes as indices into their choices, `SILENT` where nothing is said."""
    orders = {name: list(values) for name, values in SYNONYMS.items()}
    rows = [[order.index(said[name]) if name in said else SILENT for name, order in orders.items()] for said in stated]
    return torch.tensor(rows, dtype=torch.int8).view(-1, len(orders))


def agreement(scenes: Int[Tensor, "b 7"], captions: Int[Tensor, "c 7"]) -> Bool[Tensor, "b c"]:
    """Whether nothing that caption j says is wrong of scene i. Of a middle-sized animal no size is wrong."""
    a, b = scenes[:, None], captions[None]
    return ((a == b) | (a == SILENT) | (b == SILENT)).all(-1)


def jittered(x: Float[Tensor, "b 3 h w"], rng: np.random.Generator) -> Float[Tensor, "b 3 h w"]:
    """Mildly changed pictures: moved and zoomed, tinted, half of the batches softened."""
    matrix = torch.zeros(len(x), 2, 3)
    matrix[:, 0, 0] = matrix[:, 1, 1] = torch.from_numpy(rng.uniform(0.94, 1.06, len(x)))
    matrix[:, :, 2] = torch.from_numpy(rng.uniform(-0.08, 0.08, (len(x), 2)))
    gain = torch.from_numpy(rng.uniform(0.88, 1.08, (len(x), 3, 1, 1))).float().to(x.device)
    grid = affine_grid(matrix.to(x.device), list(x.shape), align_corners=False)
    x = grid_sample(x, grid, padding_mode="border", align_corners=False) * gain
    return resampled(x, int(rng.integers(48, 128))) if rng.random() < 0.5 else x.clamp(-1, 1)


def swap_sides(ids: Int[Tensor, "b n"]) -> Int[Tensor, "b n"]:
    """Token indices with *left* and *right* exchanged."""
    known = tokens.tokenizer().get_vocab()
    left, right = known["left" + tokens.LAST], known["right" + tokens.LAST]
    return torch.where(ids == left, right, torch.where(ids == right, left, ids))


def turn_round(stated: Int[Tensor, "b 7"]) -> Int[Tensor, "b 7"]:
    """Attributes of the mirror image: the other facing, where one is stated."""
    facing = list(SYNONYMS).index("facing")
    turned = stated.clone()
    turned[:, facing] = torch.where(stated[:, facing] == SILENT, SILENT, 1 - stated[:, facing])
    return turned


def write_model(clip: CLIPModel, options: argparse.Namespace) -> None:
    """Half-precision weights, the tokenizer, and what `CLIPProcessor` must know about pictures."""
    folder = options.out / "model"
    clip.half().save_pretrained(folder)
    tokens.write(folder)
    square, half = {"height": 128, "width": 128}, [0.5, 0.5, 0.5]
    config = {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 128}, "crop_size": square,
              "do_resize": True, "do_center_crop": True, "do_rescale": True, "rescale_factor": 1 / 255,
              "do_normalize": True, "image_mean": half, "image_std": half, "do_convert_rgb": True}
    (folder / "preprocessor_config.json").write_text(json.dumps(config, indent=1) + "\n")


def main(argv: list[str] | None = None) -> None:
    """Train, then write the averaged weights to OUT/model."""
    parser = common.arguments("clip", __doc__ or "", steps=6_000, batch=128, rate=1e-3)
    parser.add_argument("--patch", type=int, default=16, help="pixels a side of a patch (default %(default)s)")
    parser.add_argument("--width", type=int, default=96, help="width of the text encoder (default %(default)s)")
    parser.add_argument("--mirrored", action=argparse.BooleanOptionalAction, default=True,
                        help="make half of each batch the other half's mirror images")
    train(common.parsed(parser, argv))


def train(options: argparse.Namespace) -> None:
    """The whole method: embed pictures and captions, compare all with all, pull the pairs together."""
    torch.manual_seed(options.seed)
    renders = pictures(options.scenes, TRAINING_SEED, cache=options.cache)
    scenes = sample(options.scenes, TRAINING_SEED)
    texts = words.wordings(scenes)
    ids, truth = words.tokens(texts), attributes([parse(caption(scene)) for scene in scenes])
    said = attributes([parse(text) for several in texts for text in several]).view(len(texts), -1, truth.shape[1])
    held_out = sample(min(512, options.scenes), VALIDATION_SEED)
    places = unlike(held_out)
    shown = pictures(len(held_out), VALIDATION_SEED, cache=options.cache)[places]
    own = [caption(held_out[k]) for k in places]
    run, losses = common.Run(options, Pair(network(options.patch, options.width))), []
    ids, truth, said = (table.to(run.device) for table in (ids, truth, said))
    for step in run.steps():
        rng = run.numbers(step)
        count = options.batch // 2 if options.mirrored else options.batch
        chosen, wording = rng.integers(0, options.scenes, count), rng.integers(0, ids.shape[1], count)
        x, text = on_device(renders[chosen], run.device), ids[chosen, wording].long()
        shows, says = truth[chosen], said[chosen, wording]
        if options.mirrored:
            x, text = torch.cat([x, x.flip(3)]), torch.cat([text, swap_sides(text)])
            shows, says = torch.cat([shows, turn_round(shows)]), torch.cat([says, turn_round(says)])
        seen, read, warmth = run.model(text, jittered(x, rng))
        loss = contrastive(warmth * similarities(seen, read), agreement(shows, says))
        run.learn(loss, step)
        losses.append(loss.detach())
        if run.due(step):
            run.note(loss=torch.stack(losses).mean())
            losses.clear()
            clip = run.averaged(Pair(network(options.patch, options.width))).clip
            found = top_1(picture_embeddings(clip, shown), text_embeddings(clip, own))
            run.keep(step, retrieval=found)
    if not run.accelerator.is_main_process:
        return
    write_model(run.averaged(Pair(network(options.patch, options.width))).clip, options)
    print(f"wrote {options.out / 'model'}; ship it with: python -m course_utils.train.ship clip {options.out}")


def on_device(batch: UInt8[np.ndarray, "n h w 3"], device: torch.device) -> Float[Tensor, "n 3 h w"]:
    """Pictures in [-1, 1], carried over as bytes and turned to numbers there."""
    x = torch.from_numpy(np.require(batch, requirements="W")).to(device)
    return x.permute(0, 3, 1, 2).float() / 127.5 - 1


if __name__ == "__main__":
    main()
