"""A class that runs a network. The only module that imports the inference runtimes.

OpenVINO runs everything on the CPU, at a precision that is always set here: by default it uses bf16
where the CPU has it, and the same video would give other features on another machine. ONNX Runtime
is used through the same class for NVIDIA cards (`device="cuda"`).
"""

import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import WeightsError
from evoked.weights.cache import Cache, default_cache

__all__ = ["Device", "Port", "Precision", "Runtime", "Session", "Shape", "open_net"]

Precision = Literal["f32", "bf16"]
Device = Literal["cpu", "cuda", "onnxruntime-cpu"]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Port:
    """An input or output of a network.

    Attributes:
        name: in the network's file.
        shape: 0 is free.
        dtype: numpy's name of the element type, e.g. "float32".
    """

    name: str
    shape: Shape
    dtype: str


class Runtime(Protocol):
    """A backend: its ports, and inference on arrays."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    def run(self, arrays: Sequence[NDArray]) -> tuple[NDArray, ...]:
        """One inference; the returned arrays are never overwritten by a later call."""
        ...


class Session:
    """A network, loaded and compiled.

    Args:
        model: an .onnx or .tflite file, a name of the catalogue, or the bytes of an .onnx file.
        precision: "f32", or "bf16" where the CPU has it (results then differ a little, see
            docs/decisions/0001-one-runtime.md).
        threads: 0 for one per core.
        shape: fixes the first input's free dimensions (0 stays free); a fixed shape can be faster.
        device: "cpu" (OpenVINO), "cuda" (ONNX Runtime), or "onnxruntime-cpu", for comparison.

    Raises:
        ValueError: for an unknown name, precision, device or a shape that does not fit.
        WeightsError: if the file cannot be loaded, or the device is not available.
    """

    def __init__(
        self,
        model: Path | str | bytes,
        precision: Precision = "f32",
        threads: int = 0,
        *,
        shape: Shape | None = None,
        device: Device = "cpu",
    ) -> None:
        path = default_cache().ready(model) if isinstance(model, str) else model
        if precision not in ("f32", "bf16"):
            raise ValueError(f'precision must be "f32" or "bf16", got {precision!r}')
        if device not in ("cpu", "cuda", "onnxruntime-cpu"):
            raise ValueError(f'device must be "cpu", "cuda" or "onnxruntime-cpu", got {device!r}')
        if threads < 0:
            raise ValueError(f"threads must not be negative, got {threads}")
        if device != "cpu" and precision != "f32":
            raise ValueError(f'device {device!r} runs at precision "f32" only, got {precision!r}')
        runtime: Runtime
        if device == "cpu":
            runtime = _OpenVino(path, precision, threads, shape)
        else:
            runtime = _OnnxRuntime(path, device, threads, shape)
        self._runtime = runtime
        self._turn = threading.Lock()  # one request per session: calls from several threads queue

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs, in order."""
        return tuple(port.name for port in self._runtime.inputs)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs, in order."""
        return tuple(port.name for port in self._runtime.outputs)

    @property
    def input_ports(self) -> tuple[Port, ...]:
        """Names, shapes and types of the inputs."""
        return self._runtime.inputs

    @property
    def output_ports(self) -> tuple[Port, ...]:
        """Names, shapes and types of the outputs."""
        return self._runtime.outputs

    def __call__(self, *arrays: NDArray) -> tuple[NDArray, ...]:
        """Run the network once.

        Args:
            arrays: one per input, of its shape and element type.

        Returns:
            One array per output, the caller's own (never overwritten by a later call).

        Raises:
            ValueError: if the number of arrays, a shape or an element type does not fit.
        """
        ports = self.input_ports
        if len(arrays) != len(ports):
            raise ValueError(f"the network takes {len(ports)} arrays, got {len(arrays)}")
        for array, port in zip(arrays, ports, strict=True):
            _check_input(array, port)
        with self._turn:
            return self._runtime.run([np.ascontiguousarray(a) for a in arrays])


def open_net(
    name: str,
    cache: Cache | None = None,
    precision: Precision = "f32",
    threads: int = 0,
    *,
    shape: Shape | None = None,
    device: Device = "cpu",
) -> Session:
    """A network of the catalogue, fetched, verified, converted and loaded.

    Args:
        name: e.g. "yunet".
        cache: None for the default one.
        precision, threads, shape, device: as Session takes them.

    Returns:
        The network, ready to be called.

    Raises:
        ValueError: if there is no such network, or it is only fetched and not run.
        WeightsError: if it cannot be fetched, is not the catalogue's file, or cannot be loaded.
    """
    return Session((cache or default_cache()).ready(name), precision, threads, shape=shape, device=device)


def _check_input(array: NDArray, port: Port) -> None:
    """ValueError unless an array has an input's shape and element type."""
    expected = "×".join(str(d) if d else "any" for d in port.shape)
    fits = array.ndim == len(port.shape) and all(
        size in (0, n) for size, n in zip(port.shape, array.shape, strict=True)
    )
    if not fits or 0 in array.shape:
        raise ValueError(f"input {port.name!r} must have shape {expected}, got {'×'.join(map(str, array.shape))}")
    if array.dtype.name != port.dtype:
        raise ValueError(f"input {port.name!r} must be {port.dtype}, got {array.dtype.name}")


class _OpenVino:
    """The backend for the CPU: one stream, no pinning (two processes would be pinned to the same core)."""

    def __init__(self, path: Path | bytes, precision: Precision, threads: int, shape: Shape | None) -> None:
        ov = _openvino()
        core = ov.Core()
        if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise WeightsError('this CPU has no bf16, and f32 would be taken for it in silence. Use precision "f32"')
        try:
            model = core.read_model(_plain(path))
        except RuntimeError as error:
            raise _unreadable(path, error) from error
        if shape is not None:
            _check_shape(shape, tuple(_size(d) for d in model.inputs[0].partial_shape))
            try:
                model.reshape({model.inputs[0]: ov.PartialShape([d or -1 for d in shape])})
            except RuntimeError as error:
                raise ValueError(f"the network cannot have the shape {shape}: {_last(error)}") from error
        options: dict[str, str | int | bool] = {
            "INFERENCE_PRECISION_HINT": precision,
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,
            "PERFORMANCE_HINT": "LATENCY",
        }
        if threads:
            options["INFERENCE_NUM_THREADS"] = threads
        try:
            self._compiled = core.compile_model(model, "CPU", options)
        except RuntimeError as error:
            raise _unreadable(path, error) from error
        self._request = self._compiled.create_infer_request()
        # Names as they were read: compiling may add the names of fused tensors.
        self.inputs = tuple(_port(a.any_name, b) for a, b in zip(model.inputs, self._compiled.inputs, strict=True))
        self.outputs = tuple(_port(a.any_name, b) for a, b in zip(model.outputs, self._compiled.outputs, strict=True))

    def run(self, arrays: Sequence[NDArray]) -> tuple[NDArray, ...]:
        results = self._request.infer(list(arrays), share_inputs=True, share_outputs=False)
        return tuple(np.array(results[i]) for i in range(len(self.outputs)))


class _OnnxRuntime:
    """The backend for NVIDIA cards; on the CPU for comparison."""

    def __init__(self, path: Path | bytes, device: Device, threads: int, shape: Shape | None) -> None:
        try:
            import onnxruntime as ort
        except ImportError as error:
            raise WeightsError(
                f"device {device!r} needs ONNX Runtime, which is not installed. Run: pip install 'evoked[cuda]'"
            ) from error
        provider = "CUDAExecutionProvider" if device == "cuda" else "CPUExecutionProvider"
        if provider not in ort.get_available_providers():
            raise WeightsError(
                f"device 'cuda' needs an ONNX Runtime with {provider}; the one installed has "
                f"{', '.join(ort.get_available_providers())}. Run: pip install 'evoked[cuda]', or use the CPU"
            )
        if isinstance(path, Path) and path.suffix != ".onnx":
            raise WeightsError(f"{path.name} is no ONNX file: device {device!r} cannot run it. Use device 'cpu'")
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(_plain(path), options, providers=[provider])
        except Exception as error:  # its exceptions have no other common base
            raise _unreadable(path, error) from error
        if self._session.get_providers()[0] != provider:  # it would silently fall back to the CPU
            raise WeightsError(
                f"ONNX Runtime cannot start {provider}: is there a card and its driver? Use device 'cpu'"
            )
        self.inputs = tuple(_ort_port(p) for p in self._session.get_inputs())
        self.outputs = tuple(_ort_port(p) for p in self._session.get_outputs())
        if shape is not None:
            _check_shape(shape, self.inputs[0].shape)
            self.inputs = (Port(self.inputs[0].name, shape, self.inputs[0].dtype), *self.inputs[1:])

    def run(self, arrays: Sequence[NDArray]) -> tuple[NDArray, ...]:
        feed = {p.name: a for p, a in zip(self.inputs, arrays, strict=True)}
        return tuple(self._session.run([p.name for p in self.outputs], feed))


def _openvino() -> Any:  # openvino has no types, nor has onnxruntime: their modules and objects are Any
    """Import OpenVINO without its conversion tools.

    `import openvino` imports openvino.tools.ovc, and that sends an event ("ov", "import") through
    openvino-telemetry unless the user has opted out. The runtime does not need the tools: their import is
    blocked while it is imported, which OpenVINO treats as "not installed"; it is also 0.1 s faster.
    """
    if "openvino" in sys.modules:
        return sys.modules["openvino"]
    blocked = "openvino.tools.ovc"
    sys.modules[blocked] = None  # type: ignore[assignment]
    try:
        import openvino
    finally:
        del sys.modules[blocked]
    return openvino


def _check_shape(shape: Shape, declared: Shape) -> None:
    if len(shape) != len(declared) or any(d < 0 for d in shape):
        raise ValueError(f"shape must have {len(declared)} sizes like {declared} (0 is free), got {shape}")


def _size(dimension: Any) -> int:
    return 0 if dimension.is_dynamic else int(dimension.get_length())


def _port(name: str, port: Any) -> Port:
    return Port(name, tuple(_size(d) for d in port.partial_shape), port.element_type.to_dtype().name)


def _ort_port(port: Any) -> Port:
    dtypes = {
        "tensor(float)": "float32",
        "tensor(double)": "float64",
        "tensor(uint8)": "uint8",
        "tensor(int64)": "int64",
    }
    shape = tuple(d if isinstance(d, int) else 0 for d in port.shape)
    return Port(port.name, shape, dtypes.get(port.type, port.type))


def _plain(path: Path | bytes) -> str | bytes:
    """The model as both runtimes accept it."""
    return path if isinstance(path, bytes) else str(path)


def _unreadable(path: Path | bytes, error: Exception) -> WeightsError:
    if isinstance(path, bytes):
        return WeightsError(f"these {len(path)} bytes cannot be loaded as a network: {_last(error)}")
    return WeightsError(f"{path} cannot be loaded as a network: {_last(error)}. Run: evoked weights verify")


def _last(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
