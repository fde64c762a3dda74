// The program's commands. Each returns its exit code; errors are thrown.
#pragma once

#include <stet/cli/options.hpp>
#include <stet/comm/session.hpp>
#include <stet/plan/plan.hpp>
#include <stet/schedule/workspace.hpp>

#include <string>
#include <vector>

namespace stet {

[[nodiscard]] int run_command(const Options& options, Session& session);
[[nodiscard]] int plan_command(const Options& options, Session& session);
[[nodiscard]] int slick_command(const Options& options, Session& session);
[[nodiscard]] int submit_command(const Options& options, Session& session);
[[nodiscard]] int status_command(const Options& options, Session& session);
[[nodiscard]] int cancel_command(const Options& options);
[[nodiscard]] int table_command(const Options& options, Session& session);
[[nodiscard]] int plugin_list_command(Session& session);
[[nodiscard]] int plugin_info_command(const Options& options, Session& session);
[[nodiscard]] int plugin_check_command(const Options& options, Session& session);
[[nodiscard]] int doctor_command(const Options& options);
[[nodiscard]] int checkpoint_inspect_command(const Options& options);
/// Every checkpoint below a folder; exit code 5 if one is broken.
[[nodiscard]] int checkpoint_verify_command(const Options& options);
/// Exit code 0 if all tensors have the same bits and all texts are the same, else 1.
[[nodiscard]] int checkpoint_diff_command(const Options& options);
[[nodiscard]] int model_verify_command(const Options& options);
[[nodiscard]] int export_command(const Options& options);
[[nodiscard]] int generate_command(const Options& options);

[[nodiscard]] int data_build_command(const Options& options, Session& session);
[[nodiscard]] int data_inspect_command(const Options& options);
[[nodiscard]] int tokenizer_train_command(const Options& options);
[[nodiscard]] int tokenizer_encode_command(const Options& options);
[[nodiscard]] int tokenizer_decode_command(const Options& options);
[[nodiscard]] int tokenizer_verify_command(const Options& options);

/// What check_plan() found, by rank 0.
void tell(const std::vector<std::string>& notes, const Communicator& world);

/// Collective, for commands that go by finished runs: does what --trust-versions asks for, and says on rank 0 which
/// inputs changed since.
void settle_inputs(const Options& options, Plan& plan, const Workspace& workspace, Communicator& world);

}  // namespace stet
