# isa_module(<name> [DEPS <public>...] [PRIVATE_DEPS <private>...] [EXCLUDE <regex>...])
#
# Turns src/<name>/ into the library isa::<name> and, when it holds *_test.cpp files, the test <name>_test.
# A module sees only the headers of its DEPS: each exports its folder through an include root of its own
# (build/<preset>/include/<name>/<name> -> src/<name>), so an undeclared or upward include does not compile.
option(ISA_WERROR "Treat warnings as errors" ON)

function(isa_warnings target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wno-missing-field-initializers
    -Wno-missing-designated-field-initializers $<$<BOOL:${ISA_WERROR}>:-Werror>)
endfunction()

function(isa_include_root name out)
  set(root ${PROJECT_BINARY_DIR}/include/${name})
  file(MAKE_DIRECTORY ${root})
  file(CREATE_LINK ${PROJECT_SOURCE_DIR}/src/${name} ${root}/${name} SYMBOLIC)
  set(${out} ${root} PARENT_SCOPE)
endfunction()

# A *_client target per role exports only client.h of the role: that is all another role may see.
function(isa_client name)
  cmake_parse_arguments(ARG "" "" "DEPS;HEADERS" ${ARGN})
  set(root ${PROJECT_BINARY_DIR}/include/${name}_client)
  file(MAKE_DIRECTORY ${root}/${name})
  foreach(header client.h ${ARG_HEADERS})
    file(CREATE_LINK ${PROJECT_SOURCE_DIR}/src/${name}/${header} ${root}/${name}/${header} SYMBOLIC)
  endforeach()
  add_library(isa_${name}_client INTERFACE)
  add_library(isa::${name}_client ALIAS isa_${name}_client)
  target_include_directories(isa_${name}_client INTERFACE ${root})
  target_link_libraries(isa_${name}_client INTERFACE ${ARG_DEPS})
endfunction()

function(isa_module name)
  cmake_parse_arguments(ARG "" "" "DEPS;PRIVATE_DEPS;EXCLUDE;TEST_DEPS" ${ARGN})
  set(dir ${PROJECT_SOURCE_DIR}/src/${name})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${dir}/*.cpp)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_(test|fuzz)\\.cpp$")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  foreach(pattern ${ARG_EXCLUDE})
    list(FILTER sources EXCLUDE REGEX ${pattern})
  endforeach()

  isa_include_root(${name} root)
  if(NOT sources)  # Headers alone so far.
    add_library(isa_${name} INTERFACE)
    add_library(isa::${name} ALIAS isa_${name})
    target_include_directories(isa_${name} INTERFACE ${root})
    target_link_libraries(isa_${name} INTERFACE ${ARG_DEPS})
    return()
  endif()
  add_library(isa_${name} STATIC ${sources})
  add_library(isa::${name} ALIAS isa_${name})
  target_include_directories(isa_${name} PUBLIC $<BUILD_INTERFACE:${root}> $<INSTALL_INTERFACE:include/isa>)
  target_link_libraries(isa_${name} PUBLIC ${ARG_DEPS} PRIVATE ${ARG_PRIVATE_DEPS})
  isa_warnings(isa_${name})

  if(tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE isa_${name} ${ARG_PRIVATE_DEPS} ${ARG_TEST_DEPS} GTest::gtest_main fmt::fmt)
    isa_warnings(${name}_test)
    add_test(NAME ${name}_test COMMAND ${name}_test)
    set_tests_properties(${name}_test PROPERTIES TIMEOUT 120)
  endif()
endfunction()

# Each x_fuzz.cpp becomes the program x_fuzz. With the preset `fuzz` it is a libFuzzer target; elsewhere it
# replays the corpus beside it, as a test, so that a finding once made is never lost.
function(isa_fuzz target)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${target} ${ARG_SOURCES})
  target_link_libraries(${target} PRIVATE ${ARG_DEPS} fmt::fmt)
  isa_warnings(${target})
  if(ISA_FUZZ)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
  else()
    target_link_libraries(${target} PRIVATE isa_fuzz_replay)
    add_test(NAME ${target} COMMAND ${target} ${PROJECT_SOURCE_DIR}/tests/corpus/${target})
    set_tests_properties(${target} PROPERTIES TIMEOUT 120)
  endif()
endfunction()
