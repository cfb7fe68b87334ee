// SPDX-License-Identifier: MIT
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_session.hpp>
#else
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#endif

#include <cstdlib>

// A name that no test has is a failure (Catch2 3 says so by itself): a name with a semicolon reaches ctest as two such.
// Generated cases (rapidcheck) repeat from run to run; RC_PARAMS="seed=1 max_success=100000" looks further.
int main(int argc, char** argv) {
  setenv("RC_PARAMS", "seed=20261123", /*overwrite=*/0);
  Catch::Session session;
#ifdef CATCH_CONFIG_RUNNER
  auto& warnings = session.configData().warnings;
  warnings = static_cast<Catch::WarnAbout::What>(warnings | Catch::WarnAbout::NoTests);
#endif
  return session.run(argc, argv);
}
