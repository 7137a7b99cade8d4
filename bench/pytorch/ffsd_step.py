"""Times an FFSD iteration in PyTorch: three nets, the fusion module, two self-distillation modules, six optimizers.

Needs PyTorch alone; on Debian: apt-get install python3-torch. --help lists the flags.
"""
from ffsd import Ffsd
from timing import batch, options, report

words = options(__doc__)
cohort = Ffsd(words.net, words.classes, words.layout)
images, labels = batch(words)
report(words, lambda: cohort.step(images, labels))
