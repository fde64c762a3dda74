#!/usr/bin/env bash
# The wrapper ./stet, in front of a project of a few lines instead of stet itself.
#   wrapper_test.sh REPOSITORY
set -euo pipefail
scratch=$(mktemp -d); trap 'rm -rf "$scratch"' EXIT
project=$scratch/project
die() { printf 'FAILED: %s\n' "$*"; exit 1; }
same() { [ "$1" = "$2" ] || die "$3: expected '$2', received '$1'"; }
# As if nobody had started us.
unset STET_BUILD_DIR STET_CMAKE_ARGS STET_JOBS STET_PACKAGES OMPI_COMM_WORLD_RANK PMI_RANK PMIX_RANK SLURM_PROCID SLURM_STEP_NUM_TASKS

mkdir -p "$project/docker"
cp "$1/stet" "$project/stet"
printf 'bash # a comment\n\n# nothing else\n' >"$project/docker/packages.txt"
cat >"$project/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(toy LANGUAGES C)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(ANSWER 42 CACHE STRING "")
add_executable(stet main.c)
target_compile_definitions(stet PRIVATE ANSWER=${ANSWER})
add_custom_command(TARGET stet POST_BUILD COMMAND ${CMAKE_COMMAND} -E sleep 1 COMMAND sh -c "echo built >>${CMAKE_SOURCE_DIR}/built")
add_custom_target(program DEPENDS stet)
enable_testing()
add_test(NAME passes COMMAND stet)
set_tests_properties(passes PROPERTIES PASS_REGULAR_EXPRESSION "arguments 0")
add_test(NAME fails COMMAND stet)
add_test(NAME needs.more COMMAND stet)
set_tests_properties(needs.more PROPERTIES LABELS reference PASS_REGULAR_EXPRESSION "arguments 0")
add_test(NAME Suite.Name COMMAND stet)
set_tests_properties(Suite.Name PROPERTIES LABELS single PASS_REGULAR_EXPRESSION "arguments 0")
END
cat >"$project/main.c" <<'END'
#include <stdio.h>
int main(int n, char** a) {
  printf("arguments %d", n - 1);
  for (int i = 1; i < n; ++i) printf(" <%s>", a[i]);
  printf("\n");
  return ANSWER;
}
END

run() { status=0; out=$("$@" 2>"$scratch/errors") || status=$?; }
built() { wc -l <"$project/built" 2>/dev/null || echo 0; }

# Under a launcher nothing is built.
run env OMPI_COMM_WORLD_RANK=0 "$project/stet" run
same "$status" 2 "a rank without a build"
grep -q 'is not built' "$scratch/errors" || die "a rank without a build is not told so"

# The first start builds, from elsewhere, through a link; arguments and exit status are the program's.
ln -s "$project/stet" "$scratch/link"
cd /
run "$scratch/link" run 'a b' ''
same "$status $out" "42 arguments 3 <run> <a b> <>" "first start"
grep -q 'first time' "$scratch/errors" || die "the first build is not announced"

# The second does nothing and says nothing.
run "$project/stet"
same "$status $out $(cat "$scratch/errors") $(built)" "42 arguments 0  1" "second start"
run env SLURM_PROCID=3 "$project/stet" x
same "$status $out" "42 arguments 1 <x>" "a rank"

# Several at once build once; a rank waits for them.
touch "$project/main.c"
"$project/stet" >/dev/null 2>&1 & first=$!
"$project/stet" >/dev/null 2>&1 & second=$!
sleep 0.6
run env PMI_RANK=1 "$project/stet"
same "$status $(built)" "42 2" "a rank during a build"
wait $first || true; wait $second || true
same "$(built)" 2 "builds by two wrappers at once"

# Other arguments for cmake take effect; STET_BUILD_DIR builds elsewhere.
run env STET_CMAKE_ARGS=-DANSWER=7 "$project/stet"
same "$status" 7 "STET_CMAKE_ARGS"
run env STET_BUILD_DIR="$scratch/other" "$project/stet"
same "$status" 42 "STET_BUILD_DIR"
[ -x "$scratch/other/bin/stet" ] || die "nothing in STET_BUILD_DIR"

# Tests: CTest's verdict, its arguments, its last line.
run "$project/stet" test
[ "$status" != 0 ] || die "a failing test passes"
run "$project/stet" test -R passes
same "$status" 0 "a passing test: $out"
[[ $(tail -n 1 <<<"$out") == "Total Test time"* ]] || die "the last line is not CTest's: $out"

# Tests with the labels `reference` and `single` run when they are asked for, and only then.
run "$project/stet" test -E fails
same "$status" 0 "all but one test: $out"
{ grep -q 'out of 1$' <<<"$out" && ! grep -qE 'needs.more|Suite.Name' <<<"$out"; } || die "tests with the label reference or single run unasked: $out"
run "$project/stet" test -LE nothing -E fails
same "$status" 0 "all but a label that no test has: $out"
grep -q 'out of 1$' <<<"$out" || die "-LE lets tests with the label reference or single run: $out"
run "$project/stet" test -L reference
same "$status" 0 "-L reference: $out"
{ grep -q 'needs.more .*Passed' <<<"$out" && grep -q 'out of 1$' <<<"$out"; } || die "-L reference: $out"
run "$project/stet" test -R Suite.Name
same "$status" 0 "a single test: $out"
{ grep -q 'Suite.Name .*Passed' <<<"$out" && grep -q 'out of 1$' <<<"$out"; } || die "a single test: $out"
run "$project/stet" test -L nosuch
[ "$status" != 0 ] || die "no test at all passes: $out"

# A missing package that nobody may install: the line to type. One of the tests alone is asked for by `test` alone.
mkdir "$scratch/bin"
printf '#!/bin/sh\necho 1000\n' >"$scratch/bin/id"
printf '#!/bin/sh\nexit 1\n' >"$scratch/bin/sudo"
chmod +x "$scratch/bin/id" "$scratch/bin/sudo"
if command -v dpkg-query >/dev/null; then
  printf '#:tests\nstet-no-such-test-package\n' >>"$project/docker/packages.txt"
  run env PATH="$scratch/bin:$PATH" "$project/stet" build
  same "$status" 0 "a missing package of the tests"
  run env PATH="$scratch/bin:$PATH" "$project/stet" test
  same "$status" 2 "a missing package of the tests, for a test"
  grep -q 'apt-get install -y --no-install-recommends stet-no-such-test-package' "$scratch/errors" || die "no line to type: $(cat "$scratch/errors")"
fi
printf 'bash\n' >"$project/docker/packages.txt"

# A mistake in the source: status 2, and the compiler's words.
echo 'int mistake = ;' >>"$project/main.c"
run "$project/stet"
same "$status" 2 "a failing build"
grep -q "int mistake" "$scratch/errors" || die "the compiler's words are not shown: $(cat "$scratch/errors")"

echo stet-no-such-package >>"$project/docker/packages.txt"
if command -v dpkg-query >/dev/null; then
  run env PATH="$scratch/bin:$PATH" "$project/stet"
  same "$status" 2 "a missing package"
  grep -q 'apt-get install -y --no-install-recommends stet-no-such-package' "$scratch/errors" || die "no line to type: $(cat "$scratch/errors")"
fi
echo "the wrapper does what it says"
