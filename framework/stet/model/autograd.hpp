// torch.hpp and what it takes to write an autograd function (torch::autograd::Function). Apart, because it costs every
// file that includes it a second to compile.
#pragma once

#include <stet/model/torch.hpp>

#include <torch/csrc/autograd/custom_function.h>
