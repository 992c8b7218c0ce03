# Flags every target of ours gets, and the two ways to add one.
add_library(permafrost_flags INTERFACE)
target_compile_options(permafrost_flags INTERFACE -Wall -Wextra -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # Both are wrong about std::string and std::optional at -O2 (GCC bugs 105651, 80635); clang compiles everything too.
  target_compile_options(permafrost_flags INTERFACE -Wno-restrict -Wno-maybe-uninitialized)
endif()
if(PERMAFROST_SANITIZE)
  target_compile_options(permafrost_flags INTERFACE -fsanitize=${PERMAFROST_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(permafrost_flags INTERFACE -fsanitize=${PERMAFROST_SANITIZE})
endif()
if(PERMAFROST_FUZZ)
  target_compile_options(permafrost_flags INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(permafrost_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
find_program(PERMAFROST_LLD NAMES ld.lld)
if(PERMAFROST_LLD)
  add_link_options(-fuse-ld=lld)
endif()
find_program(PERMAFROST_CCACHE ccache)
if(PERMAFROST_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Paths below the sources count as relative: another checkout's objects are found again.
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
    CCACHE_SLOPPINESS=pch_defines,time_macros ${PERMAFROST_CCACHE})
endif()

# Parsing these takes more than half of the time that most files need in a debug build: each target parses them once.
# Headers of ours are not among them, or everything would depend on them. At -O3 GCC 12 warns wrongly about strings that
# come from a precompiled header.
function(permafrost_precompile NAME)
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    return()
  endif()
  target_precompile_headers(${NAME} PRIVATE
    <absl/status/statusor.h> <algorithm> <functional> <map> <memory> <optional> <set> <string> <unordered_map> <variant> <vector>
    ${ARGN})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${NAME} PRIVATE -fpch-preprocess)  # ccache asks for it
  endif()
endfunction()

# permafrost_library(NAME FOLDERS folder... LINK lib...): a static library of every .cc below the folders, except
# below a folder named tool: programs live there.
function(permafrost_library NAME)
  cmake_parse_arguments(ARG "" "" "FOLDERS;LINK" ${ARGN})
  set(sources)
  foreach(folder ${ARG_FOLDERS})
    file(GLOB_RECURSE found CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.cc)
    list(FILTER found EXCLUDE REGEX "/tool/[^/]*$")
    list(APPEND sources ${found})
  endforeach()
  add_library(${NAME} STATIC ${sources})
  set_target_properties(${NAME} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_include_directories(${NAME} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/permafrost>)
  target_compile_features(${NAME} PUBLIC cxx_std_20)
  target_link_libraries(${NAME} PUBLIC ${ARG_LINK} PRIVATE $<BUILD_INTERFACE:permafrost_flags>)
  permafrost_precompile(${NAME})
endfunction()

# permafrost_program(NAME SOURCES file... LINK lib...): a program, installed.
function(permafrost_program NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${NAME} ${ARG_SOURCES})
  target_link_libraries(${NAME} PRIVATE ${ARG_LINK} permafrost_flags)
  install(TARGETS ${NAME} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()
