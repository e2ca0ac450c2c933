"""Keyed hashes: random functions of a scope that everybody holding the key computes and nobody inverts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from jaxtyping import Int64, Integer, UInt8, UInt64
from msgspec import Meta

from generators.ground.codec import array_to_json, integers_from_json, shown
from generators.ground.forms import ArrayForm, Form, read_form
from generators.ground.transpose import to_rows
from generators.observations.function import MAX_BIT_ARITY, ObservationFunction, freeze
from generators.observations.scopes import check_scopes

_DIGEST_BYTES = 64  # the longest digest of BLAKE2b, and the longest key
_TABLE_LIMIT = 2**12  # assignments of a scope up to which a table is made once
_WORD_BITS = 64  # taken by a value whose alphabet is no power of two
_MAX_ALPHABET = 2**16


_Alphabet = Annotated[int, Meta(ge=2, le=_MAX_ALPHABET)]


class _Form(Form, frozen=True):
    kind: str
    key: str
    scopes: ArrayForm
    alphabet: _Alphabet
    latent_alphabet: _Alphabet


@dataclass(frozen=True, eq=False)
class KeyedHash(ObservationFunction):
    """Observation j is a keyed BLAKE2b hash of the latents it reads, truncated to the alphabet.

    Two regimes, by the size of the scope:

    * *Small scope* (``m**k <= 4096``): a random local function. Each scope is tabulated once per instance. Forwards a
      network learns it, as a table of m**k entries; jointly many of them are hard to invert. Being random, a share
      ``q**(1 - m**k)`` of them is constant: one in 128 for three bits.
    * *Whole latent vector as scope*: one-way in earnest. Where m**N is too much to memorise, no efficient algorithm
      without the key tells the values from coin tosses. **So no network learns it forwards either**: its best answer is
      the uniform one, for observations given latents as for latents given observations. It is the control in which
      every order is hard, and no example of the paper's asymmetry (Sec. 1.4a), which asks for learnable observations.
      Hash a small scope for that.

    One digest per sample supplies the bits of all observations with the same scope (same latents in the same order; a
    further digest for every 512 bits); the r-th of them in order of appearance takes the r-th piece. Alphabets that are
    a power of two take log2(q) bits each, uniform if the hash is; others take 64 bits modulo q, which puts each value's
    probability within 2**-64 of 1/q (total variation below q / 2**64).

    The message holds m, k and the indices of the scope, so different scopes are hashed to independent values.

    Args:
        key: 1 to 64 bytes, raw or in hex; kept as lower-case hex. 16 bytes or more make it secret in earnest.
        scopes: (P, k) distinct latents per row.
        alphabet: values of an observation, 2 to 65,536.
        latent_alphabet: values of a latent, m, 2 to 65,536.
    Raises:
        ValueError: a key that is no hex or of a wrong length, an alphabet out of range, scopes that repeat a latent.
    Cost: one digest (about 0.7 microseconds) per sample and distinct scope; with tables one look-up per value.
    """

    key: str | bytes
    scopes: Integer[np.ndarray, "P k"]
    alphabet: int = 2
    latent_alphabet: int = 2

    def __post_init__(self) -> None:
        """Check the parts and freeze the scopes."""
        key = _key_bytes(self.key)
        for name in ("alphabet", "latent_alphabet"):
            value = getattr(self, name)
            if not isinstance(value, (int, np.integer)) or not 2 <= value <= _MAX_ALPHABET:
                raise ValueError(f"{name} must be an integer in 2..{_MAX_ALPHABET}; got {value!r}.")
            freeze(self, **{name: int(value)})
        scopes = np.array(self.scopes)
        check_scopes(scopes, min(int(scopes.max(initial=0)) + max(scopes.shape, default=1), 2**63))
        freeze(self, key=key.hex(), scopes=scopes.astype(np.int64))

    @classmethod
    def from_seed(
        cls, scopes: Integer[np.ndarray, "P k"], *, structure_seed: int, alphabet: int = 2, latent_alphabet: int = 2
    ) -> KeyedHash:
        """The hash whose key comes from ``structure_seed`` (:func:`key_from_seed`)."""
        return cls(key_from_seed(structure_seed), scopes, alphabet, latent_alphabet)

    def evaluate(self, columns: Integer[np.ndarray, "N n"]) -> Integer[np.ndarray, "P n"]:
        """Values of all P observations, by table where the scope is small."""
        if not self.is_local:
            return self.digest(columns)
        return _lookup_each(self.tables, self.scopes, columns, self.latent_alphabet)

    @cached_property
    def bit_tables(self) -> tuple[UInt8[np.ndarray, "P t"], Int64[np.ndarray, "P k"]] | None:
        """The tables of small scopes."""
        if self.alphabet != 2 or self.latent_alphabet != 2 or self.scopes.shape[1] > MAX_BIT_ARITY:
            return None
        return self.tables, self.scopes

    def evaluate_words(self, latents: UInt64[np.ndarray, "N W"], rows: int) -> UInt64[np.ndarray, "P W"]:
        """As :meth:`evaluate`; the bits of digests become column words without ever taking a byte each."""
        if self.is_local or self.alphabet != 2 or self.latent_alphabet != 2:
            return super().evaluate_words(latents, rows)
        from generators.ground.bit_rows import unpacked_rows, words_of_rows

        out = np.empty((len(self.scopes), latents.shape[1]), dtype=np.uint64)
        for scope, members in self._groups:
            message = np.empty((rows, len(scope)), dtype=np.uint8)
            unpacked_rows(latents[scope], message)
            digests = self._digests(scope, message, -(-len(members) // _WORD_BITS) * 8)
            out[members] = words_of_rows(digests.view("<u8").astype(np.uint64, copy=False), len(members))
        return out

    def digest(self, columns: Integer[np.ndarray, "N n"]) -> Integer[np.ndarray, "P n"]:
        """What :meth:`evaluate` returns, always by hashing: one digest per sample and distinct scope."""
        dtype = np.min_scalar_type(self.alphabet - 1)
        if len(self._groups) == 1:
            scope, members = self._groups[0]
            return self._hash(scope, columns[scope], len(members)).astype(dtype, copy=False)
        out = np.empty((len(self.scopes), columns.shape[1]), dtype=dtype)
        for scope, members in self._groups:
            out[members] = self._hash(scope, columns[scope], len(members))
        return out

    @property
    def is_local(self) -> bool:
        """Whether a scope has few enough assignments for a table."""
        k = self.scopes.shape[1]
        return k < _TABLE_LIMIT.bit_length() and self.latent_alphabet**k <= _TABLE_LIMIT

    def to_json(self) -> dict[str, Any]:
        """Kind, key in hex, scopes and the two alphabets."""
        return {
            "kind": "keyed_hash",
            "key": self.key,
            "scopes": array_to_json(self.scopes),
            "alphabet": self.alphabet,
            "latent_alphabet": self.latent_alphabet,
        }

    @classmethod
    def from_json(cls, form: Any) -> KeyedHash:
        """Inverse of :meth:`to_json`; ValueError on unknown or missing fields, and on values of another type."""
        read = read_form(form, _Form, what="keyed hash")
        scopes = integers_from_json(read.scopes, what="scopes", axes=2)
        return cls(read.key, scopes, read.alphabet, read.latent_alphabet)

    @cached_property
    def _groups(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Every distinct scope with the observations that read it."""
        groups: dict[bytes, list[int]] = {}
        for j, scope in enumerate(self.scopes):
            groups.setdefault(scope.tobytes(), []).append(j)
        return [(self.scopes[members[0]], np.array(members)) for members in groups.values()]

    @cached_property
    def tables(self) -> Integer[np.ndarray, "P t"]:
        """Truth table of every observation over its own scope, flat in the order of ``np.ndindex``: (P, m**k).

        Raises:
            ValueError: the scope has more than 4096 assignments, so that the hash is no local function.
        """
        if not self.is_local:
            raise ValueError(
                f"a scope of {self.scopes.shape[1]} latents with {self.latent_alphabet} values has more than "
                f"{_TABLE_LIMIT} assignments; this hash is evaluated forwards only."
            )
        m, k = self.latent_alphabet, self.scopes.shape[1]
        grid = np.indices((m,) * k, dtype=np.uint16).reshape(k, m**k)
        tables = np.empty((len(self.scopes), m**k), dtype=np.min_scalar_type(self.alphabet - 1))
        for scope, members in self._groups:
            tables[members] = self._hash(scope, grid, len(members))
        return tables

    def _hash(
        self, scope: Integer[np.ndarray, "k"], latents: Integer[np.ndarray, "k n"], count: int
    ) -> Integer[np.ndarray, "c n"]:
        """``count`` values for each column of ``latents``."""
        message = np.empty(latents.shape[::-1], dtype="|u1" if self.latent_alphabet <= 256 else "<u2")
        to_rows(latents, message, self.latent_alphabet)
        bits = _bits_per_value(self.alphabet)
        digests = self._digests(scope, message, -(-count * bits // 8))
        if bits == _WORD_BITS:
            return (digests.view("<u8") % np.uint64(self.alphabet)).T
        return _bit_fields(digests, bits, count)

    def _digests(
        self, scope: Integer[np.ndarray, "k"], message: Integer[np.ndarray, "n k"], size: int
    ) -> UInt8[np.ndarray, "n s"]:
        """``size`` bytes for each row of latents.

        The scope's own key is a keyed hash of m, k and its indices, so a sample's message is one block: its latents.
        """
        header = np.array([self.latent_alphabet, len(scope), *scope], dtype="<u8").tobytes()
        scope_key = hashlib.blake2b(header, digest_size=_DIGEST_BYTES, key=_key_bytes(self.key)).digest()
        return _digests(message, scope_key, size)


def key_from_seed(structure_seed: int) -> str:
    """A 32-byte key in hex, derived from the seed of a distribution: no secret to whoever knows that seed.

    Raises:
        ValueError: a negative seed.
    """
    if structure_seed < 0:
        raise ValueError(f"structure_seed must be a non-negative integer; got {structure_seed}.")
    return hashlib.blake2b(b"lo-theory/keyed-hash/%d" % structure_seed, digest_size=32).hexdigest()


def _key_bytes(key: str | bytes) -> bytes:
    try:
        raw = bytes.fromhex(key) if isinstance(key, str) else bytes(key)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"a key is bytes or a string of hex digits, two per byte; got {shown(key)} ({error})."
        ) from error
    if not 1 <= len(raw) <= _DIGEST_BYTES:
        raise ValueError(
            f"a key has 1 to {_DIGEST_BYTES} bytes; got {len(raw)}. key_from_seed makes one from a structure_seed."
        )
    return raw


def _bits_per_value(alphabet: int) -> int:
    return alphabet.bit_length() - 1 if alphabet & (alphabet - 1) == 0 else _WORD_BITS


def _digests(message: Integer[np.ndarray, "n k"], key: bytes, size: int) -> UInt8[np.ndarray, "n s"]:
    """``size`` bytes for each row of ``message``; each further 64 of them are a digest with the next block number."""
    raw, stride = message.tobytes(), message.shape[1] * message.itemsize
    blocks = []
    for block in range(-(-size // _DIGEST_BYTES)):
        number = block.to_bytes(8, "little")  # BLAKE2b's salt field: the message stays one block of the compression
        keyed = hashlib.blake2b(key=key, salt=number)
        digests = []
        for at in range(0, len(raw), stride):
            state = keyed.copy()  # a third faster than a new one with its key
            state.update(raw[at : at + stride])
            digests.append(state.digest())
        blocks.append(np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, _DIGEST_BYTES))
    whole = np.concatenate(blocks, axis=1) if blocks else np.empty((len(message), 0), dtype=np.uint8)
    return np.ascontiguousarray(whole[:, :size])


def _bit_fields(digests: UInt8[np.ndarray, "n s"], bits: int, count: int) -> Integer[np.ndarray, "c n"]:
    """Field r of a digest holds its bits ``r * bits`` to ``(r + 1) * bits``, the lowest first."""
    planes = np.empty((digests.shape[1], 8, len(digests)), dtype=np.uint8)
    for bit in range(8):  # whole rows of shifts: six times faster than unpackbits along the first axis
        np.right_shift(digests.T, bit, out=planes[:, bit])
    planes &= np.uint8(1)
    stream = planes.reshape(8 * digests.shape[1], len(digests))[: count * bits].reshape(count, bits, len(digests))
    if bits == 1:
        return stream[:, 0]
    values = np.zeros((count, len(digests)), dtype=np.uint16)
    for bit in range(bits):
        values |= stream[:, bit].astype(np.uint16) << np.uint16(bit)
    return values


def _lookup_each(
    tables: Integer[np.ndarray, "P t"], scopes: Integer[np.ndarray, "P k"], columns: Integer[np.ndarray, "N n"], m: int
) -> Integer[np.ndarray, "P n"]:
    out = np.empty((len(scopes), columns.shape[1]), dtype=tables.dtype)
    for j, scope in enumerate(scopes):
        index = columns[scope[0]].astype(np.uint16)
        for latent in scope[1:]:
            index *= np.uint16(m)
            index += columns[latent].astype(np.uint16, copy=False)
        np.take(tables[j], index, out=out[j], mode="clip")  # indices are in range; "clip" spares a buffered copy
    return out
