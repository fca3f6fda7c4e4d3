"""An ONNX Runtime session that computes activation maps from network inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psdl._util.process import environment

# Set before loading: from 1.28 on ONNX Runtime otherwise writes a machine id and sends telemetry to its maker.
with environment(ORT_DISABLE_TELEMETRY="1", ORT_TELEMETRY_DISABLED="1"):
    import onnxruntime as ort

from psdl._util.plugins import unknown
from psdl.backbone.graphs import check_runnable, graphs
from psdl.errors import PsdlError
from psdl.types import F32, Maps, Network

CUDA = "CUDAExecutionProvider"
DEVICES = ("auto", "cpu", "cuda")


class Session:
    """A network that is loaded into ONNX Runtime.

    `threads` is the number of threads that one pass uses; results do not depend on it. `device` is "cpu" or
    "cuda". One session may be used by several threads at once. Pickling stores the network and loads it anew.
    Raises PsdlError on graphs that cannot be run and on those that `check_runnable` refuses.
    """

    def __init__(self, network: Network, *, threads: int = 1, device: str = "cpu") -> None:
        self._made = (network, threads, device)
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        for graph in graphs(network).values():
            check_runnable(graph, network.name)
        providers = [CUDA, "CPUExecutionProvider"] if device == "cuda" else ["CPUExecutionProvider"]
        try:
            self._sessions = {
                taps: ort.InferenceSession(graph, options, providers=providers)
                for taps, graph in sorted(graphs(network).items(), key=lambda one: len(one[0]))
            }
        except Exception as error:  # ORT's errors share no class
            raise PsdlError(f"the graph of {network.name} cannot be run: {_line(error)}") from None
        self._input = _input_of(network, self._sessions)
        self._taps = network.taps
        self._name = network.name

    def __reduce__(self) -> tuple[Any, ...]:
        return _opened, self._made

    def maps(self, inputs: F32, taps: Sequence[str] | None = None) -> Maps:
        """Returns the activation maps {tap: (n,C,h,w) float32} of inputs (n,3,H,W) float32.

        `taps` limits the result to these; None returns all of them. Raises PsdlError if a graph refuses the size
        of the input.
        """
        wanted = [tap for tap in self._taps if taps is None or tap in taps]
        found: dict[str, F32] = {}
        for some, graph in self._covering(wanted):
            try:
                found |= zip(some, graph.run(some, {self._input: inputs}), strict=True)
            except Exception as error:  # ORT's errors share no class
                size = f"{inputs.shape[3]} x {inputs.shape[2]}"
                raise PsdlError(f"{self._name} refuses inputs of {size} pixels: {_line(error)}") from None
        return {tap: found[tap] for tap in wanted}

    def _covering(self, wanted: Sequence[str]) -> list[tuple[list[str], ort.InferenceSession]]:
        """Returns the smallest graph that computes all taps, or else those that compute them together, each with
        its share of the taps."""
        for known, graph in self._sessions.items():
            if set(wanted) <= set(known):
                return [(list(wanted), graph)]
        shares = {tap: known for known in self._sessions for tap in known}  # the largest graph of each tap
        used = dict.fromkeys(shares[tap] for tap in wanted)
        return [([tap for tap in wanted if shares[tap] == known], self._sessions[known]) for known in used]


def _input_of(network: Network, sessions: dict[tuple[str, ...], ort.InferenceSession]) -> str:
    """Returns the name of the only input of all graphs.

    Raises PsdlError unless each graph has exactly one input of the same name, and outputs for its taps with the
    network's numbers of channels.
    """
    names, counts = set(), dict(zip(network.taps, network.channels, strict=True))
    for taps, session in sessions.items():
        outputs = {found.name: found.shape for found in session.get_outputs()}
        names |= {tuple(found.name for found in session.get_inputs())}
        for tap in taps:
            channels = counts[tap]
            known = outputs.get(tap, [])[1:2]
            if tap not in outputs or (known and isinstance(known[0], int) and known[0] != channels):
                raise PsdlError(
                    f"the graph of {network.name} gives no {tap} of {channels} channels: fit a new model"
                )
    if len(names) != 1 or len(*names) != 1:
        raise PsdlError(f"the graphs of {network.name} take other inputs than one image: fit a new model")
    ((name,),) = names
    return str(name)


def _opened(network: Network, threads: int, device: str) -> Session:
    return Session(network, threads=threads, device=device)


def resolve_device(device: str) -> str:
    """Returns "cpu" or "cuda" for `device`, which is "auto", "cpu" or "cuda".

    "auto" becomes "cuda" if the installed onnxruntime has a CUDA provider. Raises PsdlError on another value, and
    on "cuda" if there is no CUDA provider.
    """
    if device not in DEVICES:
        raise unknown("device", device, DEVICES)
    available = CUDA in ort.get_available_providers()
    if device == "auto":
        return "cuda" if available else "cpu"
    if device == "cuda" and not available:
        raise PsdlError(
            "`device` cuda was asked for, but the installed onnxruntime has no CUDA provider:"
            " install onnxruntime-gpu, or use `device` cpu"
        )
    return device


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
