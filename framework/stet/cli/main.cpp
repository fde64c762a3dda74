// The program `stet-engine`; the launcher `stet` starts it with the libraries' environment set.
#include <stet/base/error.hpp>
#include <stet/base/fault.hpp>
#include <stet/base/log.hpp>
#include <stet/checkpoint/stopping.hpp>
#include <stet/cli/commands/commands.hpp>
#include <stet/cli/library_environment.hpp>
#include <stet/cli/options.hpp>

#include <ATen/Parallel.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>

namespace {

int dispatch(const stet::Options& options, stet::Session& session) {
  using Command = stet::Options::Command;
  const bool speaks = session.world().rank() == 0;
  switch (options.command) {
    case Command::run: return stet::run_command(options, session);
    case Command::plan: return stet::plan_command(options, session);
    case Command::slick: return stet::slick_command(options, session);
    case Command::submit: return stet::submit_command(options, session);
    case Command::status: return speaks ? stet::status_command(options, session) : 0;
    case Command::cancel: return speaks ? stet::cancel_command(options) : 0;
    case Command::table: return speaks ? stet::table_command(options, session) : 0;
    case Command::plugin_list: return speaks ? stet::plugin_list_command(session) : 0;
    case Command::plugin_info: return speaks ? stet::plugin_info_command(options, session) : 0;
    case Command::plugin_check: return stet::plugin_check_command(options, session);
    case Command::doctor: return speaks ? stet::doctor_command(options) : 0;
    case Command::checkpoint_inspect: return speaks ? stet::checkpoint_inspect_command(options) : 0;
    case Command::checkpoint_verify: return speaks ? stet::checkpoint_verify_command(options) : 0;
    case Command::checkpoint_diff: return speaks ? stet::checkpoint_diff_command(options) : 0;
    case Command::model_verify: return speaks ? stet::model_verify_command(options) : 0;
    case Command::model_export: return speaks ? stet::export_command(options) : 0;
    case Command::generate: return speaks ? stet::generate_command(options) : 0;
    case Command::data_build: return stet::data_build_command(options, session);
    case Command::data_inspect: return speaks ? stet::data_inspect_command(options) : 0;
    case Command::tokenizer_train: return speaks ? stet::tokenizer_train_command(options) : 0;
    case Command::tokenizer_encode: return speaks ? stet::tokenizer_encode_command(options) : 0;
    case Command::tokenizer_decode: return speaks ? stet::tokenizer_decode_command(options) : 0;
    case Command::tokenizer_verify: return speaks ? stet::tokenizer_verify_command(options) : 0;
    case Command::none: break;
  }
  return 0;
}

/// An error that all ranks met is said once, by rank 0. One that this rank alone met ends the others: they would wait.
int leave(stet::Session* session, const char* message, int code) {
  constexpr double patience = 3;  // seconds
  if (session == nullptr || session->world().size() == 1) {
    stet::log::error("{}", message);
    return code;
  }
  stet::Communicator& world = session->world();
  if (world.everyone_arrives(patience)) {
    if (world.rank() == 0) stet::log::error("{}", message);
    return code;
  }
  stet::log::error("rank {}: {}", world.rank(), message);
  world.abort(code);
  return code;  // never reached
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on files' sizes is an error of the write, which is named
  // First of all: the launcher has held back the stop signals until now.
  if (argc > 1 && stet::launcher::stops_politely(argc, argv)) {
    stet::install_stop_handlers();
  } else {
    stet::release_stop_signals();
  }
  int code = 0;
  const stet::Options options = stet::parse_options(argc, argv, code);
  if (options.command == stet::Options::Command::none) return code;
  std::unique_ptr<stet::Session> session;
  try {
    const std::string faults = stet::check_faults();
    session = std::make_unique<stet::Session>();
    stet::log::set_level(session->world().rank() != 0 ? stet::log::Level::error
                         : options.verbose            ? stet::log::Level::debug
                                                      : stet::log::Level::info);
    if (!faults.empty()) stet::log::warning("faults are made on purpose: STET_FAULT={}", faults);
    code = dispatch(options, *session);
    std::fflush(
        stdout);  // before MPI ends: when the first rank exits with an error, Open MPI 5 kills the others at once
    return code;
  } catch (const stet::Error& error) {
    return leave(session.get(), error.what(), error.exit_code());
  } catch (...) {
    const stet::Error error = stet::current_error(stet::ErrorKind::internal);
    return leave(session.get(), error.what(), error.exit_code());
  }
}
