# SPDX-License-Identifier: Apache-2.0
# The demo's recipe, in one place: read by demo/run, demo/sweep and the tests of the selection.
# shellcheck shell=sh disable=SC2034  # variables are for those that read it

template=plain    # what the base was pretrained with
amount=6%         # what is selected
epochs=3          # of the reference model and of every arm
batch=16          # rows of one step
rate=5e-4         # the highest learning rate
arms=full,learnability,random    # of the experiment
seeds=3           # trainings of each arm

# Other references: learning rate and epochs. The first are made by demo/run, all by demo/sweep.
points="2e-5:1 1e-4:1"
grid="1e-5:1 2e-5:1 2e-5:3 1e-4:1 1e-4:3 1e-3:1 1e-3:3 1e-3:8 3e-3:1 3e-3:3"
