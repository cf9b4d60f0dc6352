# SPDX-License-Identifier: Apache-2.0
# What can be chosen at configure time, and the flags that follow from it.

option(LOBASS_TESTS "Build tests and fuzz targets" ON)
option(LOBASS_WERROR "Warnings are errors" OFF)
option(LOBASS_FUZZ "Build the fuzz targets with libFuzzer (clang)" OFF)
set(LOBASS_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize=: address,undefined or thread")

add_library(lb_flags INTERFACE)
target_include_directories(lb_flags INTERFACE ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src
    ${CMAKE_SOURCE_DIR}/tools)
target_compile_definitions(lb_flags INTERFACE _GNU_SOURCE _FILE_OFFSET_BITS=64)
target_compile_options(lb_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
    -Wvla -Wundef -Wformat=2 -Wpointer-arith -Wwrite-strings)
if(LOBASS_WERROR)
    target_compile_options(lb_flags INTERFACE -Werror)
endif()
if(LOBASS_SANITIZE)
    add_compile_options(-fsanitize=${LOBASS_SANITIZE} -fno-omit-frame-pointer
        -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${LOBASS_SANITIZE})
endif()
if(LOBASS_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
