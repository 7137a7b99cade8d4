"""Times a training step in PyTorch: forward, cross-entropy, backward, SGD with Nesterov momentum.

Needs PyTorch alone; on Debian: apt-get install python3-torch. --help lists the flags.
"""
import torch
import torch.nn.functional as F

from nets import make
from timing import batch, options, report

words = options(__doc__)
net = make(words.net, words.classes)
if words.layout == "nhwc":
    net.to(memory_format=torch.channels_last)
optimizer = torch.optim.SGD(net.parameters(), 0.1, 0.9, weight_decay=5e-4, nesterov=True)
images, labels = batch(words)


def step():
    loss = F.cross_entropy(net(images), labels)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


report(words, step)
