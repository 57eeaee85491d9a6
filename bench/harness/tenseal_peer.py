"""TenSEAL's dot product with the reference model's parameters, in this process and without a network: what is left out
is in TenSEAL's favour."""

from __future__ import annotations

import time
from typing import Any


class NotInstalled(Exception):
    pass


class Peer:
    """One client and one server that share nothing but bytes."""

    def __init__(self, model: dict[str, Any]) -> None:
        try:
            import tenseal
        except ImportError as fault:
            raise NotInstalled(f"TenSEAL is not installed: {fault}") from fault
        self._library = tenseal
        parameters = model["encryption_parameters"]
        self._client = tenseal.context(
            tenseal.SCHEME_TYPE.CKKS,
            parameters["poly_modulus_degree"],
            coeff_mod_bit_sizes=parameters["coeff_modulus_bits"],
        )
        self._client.global_scale = parameters["scale"]
        self._client.generate_galois_keys()
        self._server = tenseal.context_from(self._client.serialize(save_secret_key=False))
        self._weights, self._bias = model["parameters"]["weights"], model["parameters"]["bias"]
        self._c0, self._c1, _ = model["activation_parameters"]["coefficients"]

    def round_trip(self, row: list[float]) -> dict[str, float]:
        """Seconds: of the server (bytes in, bytes out) and of all."""
        start = time.perf_counter()
        request = self._library.ckks_vector(self._client, row).serialize()
        sent = time.perf_counter()
        encrypted = self._library.ckks_vector_from(self._server, request)
        reply = ((encrypted.dot(self._weights) + self._bias) * self._c1 + self._c0).serialize()
        answered = time.perf_counter()
        answer = self._library.ckks_vector_from(self._client, reply).decrypt()[0]
        end = time.perf_counter()
        return {
            "server": answered - sent,
            "total": end - start,
            "encrypt": sent - start,
            "decrypt": end - answered,
            "error": abs(answer - self._right(row)),
            "request_bytes": len(request),
            "reply_bytes": len(reply),
        }

    def _right(self, row: list[float]) -> float:
        z = sum(weight * value for weight, value in zip(self._weights, row, strict=True)) + self._bias
        return self._c0 + self._c1 * z


def version() -> str:
    import tenseal

    return tenseal.__version__
