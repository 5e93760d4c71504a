"""What the registry says of a model: one record of facts."""

from __future__ import annotations

from dataclasses import dataclass

BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True)
class Entry:
    """A model: what it does (`role`), how big a world it comes from (`scale`), where it is, what may be done with it.

    Attributes:
        library, kind: package and class that load it.
        hub: id on the Hugging Face hub; empty for an embedded model, which lies in `weights/<folder>`.
        megabytes: size of what is fetched; that of an embedded model is its file's.
        licence: of the weights.
        gpu_dtype: number format on a GPU. `float32` where half precision was never needed or is not safe.
        subfolder: where it lies in the hub's repository.
        condition: of a ControlNet, the map that it is shown.
        base: role to which an embedded model may be shipped as a low-rank difference, or whose LoRA this is.
        recipe: module of `course_utils.train` and options that train an embedded model.
        objective: what a denoiser predicts, "epsilon" (the noise), "flow" (the velocity) or "v" (the twin in pixels:
            v of Salimans and Ho, 2022).
        guidance, steps, sampler: with which it is used unless one says otherwise: its own best guidance scale
            (1, which costs one evaluation a step, for students), and a name of `models.schedulers`.
        parameters: how many numbers the published network has; 0 for an embedded one.
        config: its stored configuration, a name of `models.configs`.
        revision: the commit of the hub's repository that the course was written for, where it is known.
        variant: "fp16" where the repository also holds half-precision files, which are half the download.
        gated: whether the hub wants a log-in and a licence accepted.
        fallbacks: ids (`owner/name`, or `owner/name/subfolder`) that are tried in turn when it is gone or gated.
        pipeline: stock pipeline of diffusers that draws with it.
        stock: whether only that pipeline can, because it is conditioned in a way of its own.
        backwards: whether a flow was trained to predict data minus noise; it is turned round when it is loaded.
    """

    role: str
    scale: str
    library: str
    kind: str
    hub: str = ""
    megabytes: float = 0.0
    licence: str = "MIT"
    gpu_dtype: str = "float32"
    note: str = ""
    subfolder: str = ""
    condition: str = ""
    base: str = ""
    recipe: str = ""
    objective: str = ""
    guidance: float = 1.0
    steps: int = 0
    sampler: str = ""
    parameters: int = 0
    config: str = ""
    revision: str = ""
    variant: str = ""
    gated: bool = False
    fallbacks: tuple[str, ...] = ()
    pipeline: str = ""
    stock: bool = False
    backwards: bool = False

    @property
    def embedded(self) -> bool:
        """Whether the weights ship inside the package."""
        return not self.hub

    @property
    def lora(self) -> bool:
        """Whether it is a low-rank difference on the hub, to be added to its base."""
        return self.kind == "LoRA"

    @property
    def folder(self) -> str:
        """The folder inside `weights`: the role, and the condition behind it."""
        return f"{self.role}_{self.condition}" if self.condition else self.role

    @property
    def name(self) -> str:
        """What people are told: the role, and which part or condition of it."""
        part = self.condition or self.subfolder
        return f"{self.role} ({part})" if part and part != self.role else self.role

    @property
    def command(self) -> str:
        """The command that trains an embedded model."""
        return f"python -m course_utils.train.{self.recipe} --out runs/{self.folder}"

    @property
    def gpu_megabytes(self) -> float:
        """What the weights take on a GPU, in the number format that is used there."""
        return self.parameters * BYTES[self.gpu_dtype] / 1e6
