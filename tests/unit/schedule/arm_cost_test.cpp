#include <stet/schedule/arm_cost.hpp>

#include <gtest/gtest.h>

namespace stet {
namespace {

TEST(PlannedEpochs, AreHalfWayWhereAPlateauDecides) {
  PhaseConfig phase;
  phase.epochs = 20;
  EXPECT_EQ(planned_epochs(phase), 20);
  phase.until = Until::plateau;
  phase.patience = 3;
  EXPECT_EQ(planned_epochs(phase), 12);  // 4 to 20
  phase.min_epochs = 10;
  EXPECT_EQ(planned_epochs(phase), 15);
  phase.epochs = 2;  // before a plateau can end it
  EXPECT_EQ(planned_epochs(phase), 2);
}

}  // namespace
}  // namespace stet
