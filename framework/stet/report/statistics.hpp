// All statistics of the room under one name.
#pragma once

#include <stet/report/bootstrap.hpp>         // IWYU pragma: export
#include <stet/report/measure.hpp>           // IWYU pragma: export
#include <stet/report/multiple_testing.hpp>  // IWYU pragma: export
#include <stet/report/permutation.hpp>       // IWYU pragma: export
