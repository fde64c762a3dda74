// All statistics of the room under one name.
#pragma once

#include <stet/report/bootstrap.hpp>          // IWYU pragma: export
#include <stet/report/calibration.hpp>        // IWYU pragma: export
#include <stet/report/cluster_bootstrap.hpp>  // IWYU pragma: export
#include <stet/report/effect_size.hpp>        // IWYU pragma: export
#include <stet/report/equivalence.hpp>        // IWYU pragma: export
#include <stet/report/measure.hpp>            // IWYU pragma: export
#include <stet/report/mediation.hpp>          // IWYU pragma: export
#include <stet/report/multiple_testing.hpp>   // IWYU pragma: export
#include <stet/report/odds_ratio.hpp>         // IWYU pragma: export
#include <stet/report/permutation.hpp>        // IWYU pragma: export
#include <stet/report/regression.hpp>         // IWYU pragma: export
