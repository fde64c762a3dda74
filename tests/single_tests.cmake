# single_tests(SUFFIX TIMEOUT ENVIRONMENT FOLDER "COMMAND" SOURCE...): every TEST of the sources as a test of its own, Suite.Name, with the label `single`.
#
# CTest includes this when it starts (tests/CMakeLists.txt writes the calls). Names are read from the sources: asking forty programs costs 12 s after each
# build, for libtorch is loaded forty times. All instances of a TEST_P or TYPED_TEST are one test here. A test
# that the build left out (#ifdef STET_MPIEXEC) fails: it did not run.
function(single_tests suffix timeout environment folder command)
  foreach(source ${ARGN})
    file(READ ${source} text)
    string(REGEX MATCHALL "\n(TYPED_)?TEST(_F|_P)?\\([A-Za-z0-9_]+,[ \n]*[A-Za-z0-9_]+\\)" heads "${text}")
    foreach(head ${heads})
      string(REGEX MATCH "(TYPED_)?TEST(_F|_P)?\\(([A-Za-z0-9_]+),[ \n]*([A-Za-z0-9_]+)\\)" unused "${head}")
      set(name ${CMAKE_MATCH_3}.${CMAKE_MATCH_4})
      set(filter ${name})
      if(CMAKE_MATCH_1)
        set(filter ${CMAKE_MATCH_3}/*.${CMAKE_MATCH_4})
      elseif(CMAKE_MATCH_2 STREQUAL "_P")
        set(filter ${name}/*:*/${name}/*)
      endif()
      string(APPEND name "${suffix}")
      get_property(taken GLOBAL PROPERTY single_test.${name} SET)
      if(taken)
        get_filename_component(file ${source} NAME_WE)
        string(APPEND name ".${file}")  # CTest would mix the properties of tests with one name
      endif()
      set_property(GLOBAL PROPERTY single_test.${name} 1)
      add_test(${name} ${command} --gtest_filter=${filter})
      set_tests_properties(${name} PROPERTIES LABELS single TIMEOUT ${timeout} ENVIRONMENT "${environment}" WORKING_DIRECTORY ${folder}
                           FAIL_REGULAR_EXPRESSION "0 tests from 0 test suites ran")
    endforeach()
  endforeach()
endfunction()
