// Pulls towards a moving average of the weights, which save() forgets.
#include "average.hpp"

STET_PLUGIN("forgets_state", "1.0", "stet") {
  registrar.regularizer<wrong::TowardsAverage>("forgets_state", "wrong on purpose", wrong::schema("forgets_state"));
}
