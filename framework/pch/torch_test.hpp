// torch.hpp and GoogleTest.
#pragma once

#include "torch.hpp"

#include <gtest/gtest.h>
