"""What a training takes, from its shape alone."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lo_theory.learning.memory import activation_bytes, check_batch_fits, check_network_fits, weight_count
from lo_theory.learning.network import NetworkConfig, Transformer


def config(**fields):
    return NetworkConfig(**{"length": 7, "vocabulary": 3, "layers": 2, "width": 16, "heads": 2} | fields)


@given(
    layers=st.integers(1, 3),
    width=st.sampled_from([4, 8, 20]),
    hidden=st.none() | st.integers(1, 30),
    mlp=st.sampled_from(["gelu", "swiglu"]),
    positions=st.sampled_from(["learned", "rotary"]),
    causal=st.booleans(),
)
def test_weights_are_counted_exactly(layers, width, hidden, mlp, positions, causal):
    shape = config(layers=layers, width=width, hidden=hidden, mlp=mlp, positions=positions, causal=causal)
    network = Transformer(shape, torch.Generator())
    assert weight_count(shape) == sum(weight.numel() for weight in network.parameters())


def test_activations_bound_from_below_what_is_kept_for_the_backward_pass():
    shape = config()
    network = Transformer(shape, torch.Generator())
    kept = {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        network(torch.zeros(5, 7, dtype=torch.int64))
    assert activation_bytes(shape, 5) <= sum(kept.values())


def test_what_no_machine_holds_is_refused_with_its_size():
    check_network_fits(config())
    check_batch_fits(config(), 64)
    with pytest.raises(ValueError, match=r"training 2\.4e\+17 weights .* takes 3\.84 EB of memory"):
        check_network_fits(config(width=10**8, heads=1, layers=2))
    with pytest.raises(ValueError, match=r"a batch of 100000000000 sequences .*smaller batch_size"):
        check_batch_fits(config(), 10**11)
