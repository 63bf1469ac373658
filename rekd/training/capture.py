"""Functions of static tensors as CUDA graphs: one launch a call, where Python launches kernels by the thousand."""

from __future__ import annotations

import importlib
import logging
import sys
import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from functools import cache

import torch
from accelerate import Accelerator

from rekd.config import TrainConfig

LOG = logging.getLogger(__name__)

WARM_UP = 2
"""Calls of a function as it is before it is captured: they load its kernels and make the optimiser's state."""
REPAID = 7_000
"""Steps from which on compiling is repaid in every case that was measured. On an H200 it takes 7 to 10 s more before
the first step where nothing is cached and makes a step 1.6 to 3.2 ms shorter: it is repaid after 3,100 steps of RE of a
ViT-Tiny, 2,100 of REKD, 6,000 of REKD of a BERT-Mini with its teacher kept, and 4,300 of a small ViT at 32 pixels."""
BUCKETS = 4
"""Different lengths of a batch of texts at most, for student and for teacher, since each needs a graph of its own."""


def plainly(function: Callable, *key: Hashable) -> None:
    """Call a function as it is."""
    function(*key)


def engine_of(config: TrainConfig, accelerator: Accelerator) -> str:
    """How a run's steps are made here: eager, graph or compile.

    Several processes, and devices other than CUDA's, run eagerly whatever was asked for, see `engine_said`.
    """
    if accelerator.device.type != "cuda" or accelerator.num_processes > 1:
        return "eager"
    if config.engine == "auto":
        return "compile" if config.steps >= REPAID else "graph"
    return config.engine


def engine_said(config: TrainConfig, accelerator: Accelerator) -> str:
    """`engine_of`, and where another was asked for the log says so."""
    engine = engine_of(config, accelerator)
    if engine == "eager" and config.engine in ("graph", "compile"):
        LOG.warning("Steps run one kernel at a time: engine %s is for one process on an NVIDIA GPU.", config.engine)
    return engine


_PLAIN = threading.RLock()
"""The compiler's stance is the process's: of two threads, one would set back what the other had set, and keep it."""


@contextmanager
def uncompiled() -> Iterator[None]:
    """Within, what was compiled for a step runs as it is written: batches of another shape would compile it anew.

    Of several threads one at a time is within.
    """
    if "torch._dynamo" not in sys.modules:  # nothing was compiled
        yield
        return
    with _PLAIN, torch.compiler.set_stance("force_eager"):
        yield


@cache
def ready_compiler() -> threading.Thread:
    """Load the compiler and start its processes beside whatever comes before the first step: both take seconds.

    Nothing is compiled here, which would keep and set back the random state of other threads.

    Returns:
        The process's one thread that does it, to be joined before anything is compiled.
    """
    thread = threading.Thread(target=_load_compiler, daemon=True)
    thread.start()
    return thread


def _load_compiler() -> None:
    with suppress(ImportError, AttributeError, TypeError):  # torch names these parts otherwise, or has none here
        importlib.import_module("torch._inductor.async_compile").maybe_warm_pool()
        importlib.import_module("torch._inductor.compile_fx")
        importlib.import_module("torch._inductor.codecache").torch_key()  # it reads all of torch's sources
        importlib.import_module("torch._inductor.fx_passes.joint_graph").lazy_init(torch.device("cuda"))


class Graphs:
    """Calls a function as it is the first times, then captures it, and from then on replays what was captured.

    A function returns nothing, reads and writes tensors that stay where they are, and depends on no value of theirs;
    `key` is all else that it depends on. Random numbers follow the generator as they do without a graph. Where a
    function can't be captured, the log says why, and everything is called as it is from then on.
    """

    def __init__(self):
        self.refused = False
        self.calls: Counter = Counter()
        self.graphs: dict[tuple, torch.cuda.CUDAGraph] = {}
        self.pool = torch.cuda.graph_pool_handle()
        self.stream = torch.cuda.Stream(priority=-1)  # before what is begun beside it, such as a teacher's forward pass

    def __call__(self, function: Callable, *key: Hashable) -> None:
        name = (function.__name__, *key)
        if name not in self.graphs and not self.refused and self.calls[name] >= WARM_UP:
            self._capture(name, function, key)
        if name in self.graphs:
            self.graphs[name].replay()
            return
        self.calls[name] += 1
        function(*key)

    def _capture(self, name: tuple, function: Callable, key: tuple) -> None:
        graph, seed = torch.cuda.CUDAGraph(), torch.cuda.initial_seed()
        try:
            with torch.cuda.graph(graph, pool=self.pool, stream=self.stream):
                function(*key)
        except RuntimeError as error:  # what can't be recorded says so in many ways
            self.refused = True
            LOG.warning("Steps can't be captured as a CUDA graph and run as they are, more slowly: %s", error)
            _begin_anew(seed)
        else:
            self.graphs[name] = graph


def _begin_anew(seed: int) -> None:
    """Give the device a random state that no broken capture holds on to."""
    device = torch.cuda.current_device()
    torch.cuda.synchronize(device)
    torch.cuda.default_generators[device].graphsafe_set_state(torch.Generator(f"cuda:{device}"))
    torch.cuda.manual_seed(seed)
