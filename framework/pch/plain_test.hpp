// plain.hpp and GoogleTest.
#pragma once

#include "plain.hpp"

#include <gtest/gtest.h>
