"""Which library multiplies while a run runs: the flag is set where it gains, and put back whatever happens."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lo_theory.denoisers.network import CausalDenoiser, MaskedDenoiser
from lo_theory.learning import products
from lo_theory.learning.network import NetworkConfig, Transformer
from lo_theory.learning.products import fast_products, matrix_rate, products_are_float32, vendor

CPU = torch.device("cpu")


@pytest.fixture
def processor(monkeypatch):
    def choose(name: str, exact: bool = True) -> None:
        products._gains.cache_clear()
        monkeypatch.setattr(products, "vendor", lambda: name)
        monkeypatch.setattr(products, "products_are_float32", lambda: exact)

    yield choose
    products._gains.cache_clear()


@pytest.mark.parametrize(
    ("name", "exact", "flag"),
    [
        ("AuthenticAMD", True, "medium"),
        ("AuthenticAMD", False, "highest"),
        ("GenuineIntel", True, "highest"),
        ("", True, "highest"),
    ],
)
def test_the_flag_of_a_run_depends_on_the_processor_and_is_put_back(processor, name, exact, flag):
    processor(name, exact)
    with fast_products(CPU):
        assert torch.get_float32_matmul_precision() == flag
    with pytest.raises(KeyboardInterrupt), fast_products(CPU):
        raise KeyboardInterrupt
    assert torch.get_float32_matmul_precision() == "highest"


def test_a_flag_of_the_user_and_another_device_are_left_alone(processor):
    processor("AuthenticAMD")
    with fast_products(torch.device("meta")):
        assert torch.get_float32_matmul_precision() == "highest"
    torch.set_float32_matmul_precision("high")
    try:
        with fast_products(CPU):
            assert torch.get_float32_matmul_precision() == "high"
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision("highest")


@pytest.mark.skipif(not hasattr(torch.backends.cuda.matmul, "fp32_precision"), reason="an older torch")
def test_a_user_s_newer_flags_are_left_alone(processor):
    """With them PyTorch refuses to say what the older one is."""
    processor("AuthenticAMD")
    before = torch.backends.cuda.matmul.fp32_precision
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    try:
        with fast_products(CPU):
            assert torch.backends.cuda.matmul.fp32_precision == "tf32"
        network = Transformer(NetworkConfig(length=80, vocabulary=2, layers=1), torch.Generator().manual_seed(0))
        assert MaskedDenoiser(network)(torch.full((1, 80), 2)).isfinite().all()
    finally:
        torch.backends.cuda.matmul.fp32_precision = before
    assert torch.get_float32_matmul_precision() == "highest"


def test_the_vendor_is_read_and_a_system_that_does_not_say_has_none(monkeypatch, tmp_path):
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nvendor_id\t: AuthenticAMD\nvendor_id\t: Other\n")
    monkeypatch.setattr(products, "_CPU_INFO", tmp_path / "cpuinfo")
    assert vendor() == "AuthenticAMD"
    monkeypatch.setattr(products, "_CPU_INFO", tmp_path / "missing")
    assert vendor() == ""


def test_looking_at_the_products_leaves_the_flag_as_it_was_and_sees_bfloat16(monkeypatch):
    products_are_float32()
    assert torch.get_float32_matmul_precision() == "highest"
    exact = torch.Tensor.__matmul__
    monkeypatch.setattr(torch.Tensor, "__matmul__", lambda one, other: exact(one.bfloat16(), other.bfloat16()).float())
    assert not products_are_float32()


def test_the_matrix_rate_is_that_of_a_plain_product():
    assert 1e6 < matrix_rate(CPU, size=64, seconds=0.01) < 1e15


@pytest.mark.parametrize("remembers", [None, False, True], ids=["masked", "causal", "causal that remembers"])
def test_every_network_that_answers_does_so_under_the_flag(processor, monkeypatch, remembers):
    processor("AuthenticAMD")
    seen = []

    def watched(answer):
        def asked(*arguments, **options):
            seen.append(torch.get_float32_matmul_precision())
            return answer(*arguments, **options)

        return asked

    for name in ("forward", "next_logits"):
        monkeypatch.setattr(Transformer, name, watched(getattr(Transformer, name)))
    config = NetworkConfig(length=4, vocabulary=2, layers=1, width=8, heads=2, causal=remembers is not None)
    network = Transformer(config, torch.Generator().manual_seed(0))
    order = np.arange(4)
    denoiser = MaskedDenoiser(network) if remembers is None else CausalDenoiser(network, order, remembers=remembers)
    denoiser(torch.full((2, 4), 2))
    assert seen == ["medium"]
    assert torch.get_float32_matmul_precision() == "highest"


def test_two_that_overlap_leave_the_flag_as_it_was(processor):
    """As two threads do: the first one to begin is the first one to end."""
    processor("AuthenticAMD")
    first, second = fast_products(CPU), fast_products(CPU)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    assert torch.get_float32_matmul_precision() == "highest"
