"""TenSEAL's networks on MNIST, as its tutorials write them, with the weights of our shipped models: in this process and
without a network, on one thread."""

from __future__ import annotations

import dataclasses
import pathlib
import time
from typing import Any

from harness.tenseal_peer import NotInstalled, version

__all__ = ["DEGREE", "THREADS", "Answer", "Cnn", "Mlp", "Network", "NotInstalled", "version"]

DEGREE = 8192
THREADS = 1
SIDE, WINDOW, STRIDE = 28, 7, 3  # of the images and of the convolution
SCALE_BITS = 26


def _initializers(file: pathlib.Path) -> dict[str, Any]:
    """Arrays by name."""
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError as fault:
        raise NotInstalled(f"onnx, which reads the weights, is not installed: {fault}") from fault
    return {array.name: numpy_helper.to_array(array).astype(float) for array in onnx.load(str(file)).graph.initializer}


@dataclasses.dataclass
class Answer:
    """Seconds, and the numbers that came out."""

    encrypt: float
    evaluate: float
    decrypt: float
    logits: list[float]


class Network:
    """A client's context and the server's, which has the evaluation keys and no secret one."""

    levels: int  # multiplications one after another

    def __init__(self, weights: pathlib.Path) -> None:
        try:
            import tenseal
        except ImportError as fault:
            raise NotInstalled(f"TenSEAL is not installed: {fault}") from fault
        self._library = tenseal
        self.weights = _initializers(weights)
        self.client = tenseal.context(
            tenseal.SCHEME_TYPE.CKKS,
            DEGREE,
            coeff_mod_bit_sizes=[31, *[SCALE_BITS] * self.levels, 31],
            n_threads=THREADS,
        )
        self.client.global_scale = 2**SCALE_BITS
        self.client.generate_galois_keys()
        public = self.client.serialize(save_secret_key=False)
        self.public_bytes = len(public)
        self.server = tenseal.context_from(public, n_threads=THREADS)
        self.request_bytes = 0

    def encrypt(self, pixels: list[float]) -> bytes:
        raise NotImplementedError

    def evaluate(self, encrypted: Any) -> Any:
        raise NotImplementedError

    def ask(self, pixels: list[float]) -> Answer:
        marks = [time.perf_counter()]
        request = self.encrypt(pixels)
        marks.append(time.perf_counter())
        encrypted = self._library.ckks_vector_from(self.server, request)
        marks.append(time.perf_counter())
        answer = self.evaluate(encrypted)
        marks.append(time.perf_counter())
        logits = self._library.ckks_vector_from(self.client, answer.serialize()).decrypt()
        marks.append(time.perf_counter())
        self.request_bytes = len(request)
        return Answer(marks[1] - marks[0], marks[3] - marks[2], marks[4] - marks[3], logits)


class Mlp(Network):
    """784 → 128 → 10, square."""

    levels = 3

    def encrypt(self, pixels: list[float]) -> bytes:
        return self._library.ckks_vector(self.client, [pixel / 255 for pixel in pixels]).serialize()

    def evaluate(self, encrypted: Any) -> Any:
        hidden = encrypted.mm(self.weights["first.weight"].T.tolist()) + self.weights["first.bias"].tolist()
        hidden.square_()
        return hidden.mm(self.weights["last.weight"].T.tolist()) + self.weights["last.bias"].tolist()


class Cnn(Network):
    """4 kernels of 7 × 7 with stride 3, square, 256 → 64, square, 64 → 10."""

    levels = 6  # of its tutorial

    def encrypt(self, pixels: list[float]) -> bytes:
        image = [[pixel / 255 for pixel in pixels[SIDE * row : SIDE * (row + 1)]] for row in range(SIDE)]
        encrypted, self._windows = self._library.im2col_encoding(self.client, image, WINDOW, WINDOW, STRIDE)
        return encrypted.serialize()

    def evaluate(self, encrypted: Any) -> Any:
        kernels, offsets = self.weights["convolution.weight"], self.weights["convolution.bias"]
        channels = [
            encrypted.conv2d_im2col(kernel[0].tolist(), self._windows) + float(offset)
            for kernel, offset in zip(kernels, offsets, strict=True)
        ]
        hidden = self._library.CKKSVector.pack_vectors(channels)
        hidden.square_()
        hidden = hidden.mm(self.weights["dense.weight"].T.tolist()) + self.weights["dense.bias"].tolist()
        hidden.square_()
        return hidden.mm(self.weights["last.weight"].T.tolist()) + self.weights["last.bias"].tolist()
