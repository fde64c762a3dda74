// The program `stet-engine`; the launcher `stet` starts it with the libraries' environment set.
#include <stet/base/error.hpp>
#include <stet/base/log.hpp>
#include <stet/cli/commands.hpp>
#include <stet/cli/options.hpp>

#include <ATen/Parallel.h>

#include <cstdlib>
#include <exception>
#include <memory>

namespace {

int dispatch(const stet::Options& options, stet::Session& session) {
  using Command = stet::Options::Command;
  const bool speaks = session.world().rank() == 0;
  switch (options.command) {
    case Command::run: return stet::run_command(options, session);
    case Command::plan: return stet::plan_command(options, session);
    case Command::table: return speaks ? stet::table_command(options, session) : 0;
    case Command::plugin_list: return speaks ? stet::plugin_list_command(session) : 0;
    case Command::plugin_info: return speaks ? stet::plugin_info_command(options, session) : 0;
    case Command::doctor: return speaks ? stet::doctor_command(options) : 0;
    case Command::checkpoint_inspect: return speaks ? stet::checkpoint_inspect_command(options) : 0;
    case Command::model_verify: return speaks ? stet::model_verify_command(options) : 0;
    case Command::none: break;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  int code = 0;
  const stet::Options options = stet::parse_options(argc, argv, code);
  if (options.command == stet::Options::Command::none) return code;
  std::unique_ptr<stet::Session> session;
  try {
    session = std::make_unique<stet::Session>();
    stet::log::set_level(session->world().rank() != 0 ? stet::log::Level::error
                         : options.verbose            ? stet::log::Level::debug
                                                      : stet::log::Level::info);
    return dispatch(options, *session);
  } catch (const stet::Error& error) {
    // A collective error is thrown on every rank and said once. One that only this rank knows of must end the others.
    const int rank = session ? session->world().rank() : 0;
    if (rank == 0) stet::log::error("{}", error.what());
    if (session && session->world().size() > 1 && error.kind() == stet::ErrorKind::communication) session->world().abort(error.exit_code());
    return error.exit_code();
  } catch (const std::exception& error) {
    stet::log::error("{}", error.what());
    if (session && session->world().size() > 1) session->world().abort(1);
    return 1;
  }
}
