// plain.hpp and libtorch.
#pragma once

#include <stet/model/torch.hpp>

#include "plain.hpp"
