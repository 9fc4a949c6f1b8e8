"""The network before its first epoch: columns scaled; of stills, an LSTM that holds the last frame of a window.

With few stills, early stopping ends the training before the LSTM has learnt that a change overrules what was before: it
overfits the stills first. What a window ends in can be learnt without labels, from as many windows as are wanted: a
linear map of the last state is to be the window's last frame. See docs/recogniser.md for what this adds.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from evoked.learning.recognition.config import RecogniserConfig
from evoked.learning.recognition.descriptor_windows import TrainingWindows
from evoked.learning.recognition.training_clips import ClipDataset
from evoked.model.recognition import RecognitionConfig
from evoked.model.recognition_network import RecognitionNetwork

__all__ = ["initial_network", "teach_last_frame"]

BATCHES, BATCH_SIZE, LEARNING_RATE = 400, 64, 3e-3
DEAD = 1e-4
"""A column with a smaller standard deviation counts as constant and is not scaled."""


def initial_network(train: ClipDataset, shape: RecognitionConfig, config: RecogniserConfig) -> RecognitionNetwork:
    """The network that a training starts from; the same for all dropouts.

    Args:
        train: clips to train on.
        shape: the network's shape.
        config: settings of the training.

    Returns:
        The network, its scale set.
    """
    network = RecognitionNetwork(shape, config.seed)
    mean, deviation = _standards(train.rows)
    network.scale.mean.copy_(torch.from_numpy(mean))
    network.scale.deviation.copy_(torch.from_numpy(deviation))
    if config.still_windows == "moving" and shape.recurrence == "lstm" and train.mostly_stills:
        teach_last_frame(network, TrainingWindows(train, shape.ticks), config.seed)
    return network


def teach_last_frame(network: RecognitionNetwork, windows: TrainingWindows, seed: int) -> float:
    """Train the LSTM layers; the experts stay as they are.

    Args:
        network: with an LSTM, its scale set.
        windows: windows of the training clips.
        seed: of the clips and windows that are drawn.

    Returns:
        The mean squared error of the last batch, in standard deviations of the columns.
    """
    random = np.random.default_rng([seed, 3])
    read_out = torch.nn.Parameter(torch.zeros(network.config.width, network.config.units))
    optimiser = torch.optim.Adam([*network.lstm.parameters(), read_out], lr=LEARNING_RATE)
    error = torch.zeros(())
    for _ in range(BATCHES):
        clips = random.integers(len(windows), size=BATCH_SIZE)
        standardised = network.scale(torch.from_numpy(np.stack([windows(int(i), random) for i in clips])))
        states, _ = network.lstm(standardised)
        error = (states[:, -1] @ read_out.T - standardised[:, -1]).square().mean()
        optimiser.zero_grad()
        torch.autograd.backward(error)
        optimiser.step()
    return float(error.detach())


def _standards(clips: Sequence[NDArray[np.float32]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation of every column; each clip counts once, whatever its length."""
    means = np.stack([rows.mean(axis=0, dtype=np.float64) for rows in clips])
    squares = np.stack([(rows.astype(np.float64) ** 2).mean(axis=0) for rows in clips])
    mean = means.mean(axis=0)
    deviation = np.sqrt(np.maximum(squares.mean(axis=0) - mean**2, 0))
    deviation[deviation < DEAD] = 1.0
    return mean.astype(np.float32), deviation.astype(np.float32)
