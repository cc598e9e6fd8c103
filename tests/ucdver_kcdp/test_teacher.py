"""The teacher of KCDP: what it reads, and how it follows the student."""

from __future__ import annotations

from dataclasses import replace

import torch
from support.kcdp_methods import batch, method


def test_the_frozen_encoder_runs_once_a_step_and_the_teacher_reads_the_same_latents() -> None:
    made = method(warmup=0.0, confidence=0.0, teacher=0.5).train()
    perceiver = made.network.perceiver
    assert perceiver is not None
    encoded: list[torch.Tensor] = []
    read: list[torch.Tensor] = []
    perceiver.vae.encoder.register_forward_hook(lambda module, inputs, output: encoded.append(inputs[0]))
    perceiver.unet.register_forward_pre_hook(lambda module, inputs: read.append(inputs[0]))
    drawn = batch()
    made.step(drawn, 0.5)
    assert [len(images) for images in encoded] == [12]
    taught, own = read
    torch.testing.assert_close(taught, own[6:], rtol=0, atol=0)
    torch.testing.assert_close(taught, perceiver.latents(drawn.target.images))


def test_of_sampled_latents_the_teacher_reads_the_mean() -> None:
    made = method(warmup=0.0, confidence=0.0, teacher=0.5, latent="scaled_sample").train()
    perceiver = made.network.perceiver
    assert perceiver is not None
    read: list[torch.Tensor] = []
    perceiver.unet.register_forward_pre_hook(lambda module, inputs: read.append(inputs[0]))
    drawn = batch()
    made.step(drawn, 0.5)
    taught, own = read
    torch.testing.assert_close(taught, perceiver.eval().latents(drawn.target.images))
    assert not torch.allclose(taught, own[6:])


def test_the_teacher_is_an_average_and_labels_the_target() -> None:
    made = method(warmup=0.0, confidence=0.0, teacher=0.5).train()
    assert made.teacher is not None
    name, parameter = next((n, p) for n, p in made.network.named_parameters() if p.requires_grad)
    begun = parameter.detach().clone()
    with torch.no_grad():
        parameter.add_(1.0)
    average = made.teacher.get_buffer(name.replace(".", "/"))
    # Of the first step the teacher is the student, whatever it began as; of the second a half.
    made.step(replace(batch(), step=0), 0.5)
    assert torch.equal(average, begun + 1.0)
    with torch.no_grad():
        parameter.add_(1.0)
    made.teacher.decay = 0.9
    made.step(replace(batch(), step=1), 0.5)
    assert torch.allclose(average, begun + 1.5)
    made.step(replace(batch(), step=100), 0.5)
    assert torch.allclose(average, begun + 1.55)
    assert made.network.training
    assert torch.allclose(parameter, begun + 2.0)
