# SPDX-License-Identifier: Apache-2.0
# The report's page: src/report/page/ and uPlot, put together as one HTML text with a hole where the
# data goes, and made part of the library as two C arrays. Included, it defines lb_page(); run as a
# script (cmake -DSOURCE=... -DUPLOT=... -DTARGET=... -P page.cmake), it writes the C file.

# What belongs in the script, in this order.
set(LB_PAGE_SCRIPTS data dom charts about losses drops scores tokens rows experiment main)

if(NOT CMAKE_SCRIPT_MODE_FILE)
    function(lb_page layer)
        set(uplot ${CMAKE_SOURCE_DIR}/.cache/uplot-1.6.32.tgz)
        if(NOT EXISTS ${uplot})
            message(FATAL_ERROR "${uplot} is not there: run scripts/setup, which brings it")
        endif()
        set(source ${CMAKE_SOURCE_DIR}/src/report/page)
        set(target ${CMAKE_BINARY_DIR}/page/page_bytes.c)
        file(GLOB parts CONFIGURE_DEPENDS ${source}/*)
        add_custom_command(OUTPUT ${target}
            COMMAND ${CMAKE_COMMAND} -DSOURCE=${source} -DUPLOT=${uplot} -DTARGET=${target}
                -P ${CMAKE_SOURCE_DIR}/cmake/page.cmake
            DEPENDS ${parts} ${uplot} ${CMAKE_SOURCE_DIR}/cmake/page.cmake
            COMMENT "Putting the report's page together")
        target_sources(lb_${layer} PRIVATE ${target})
    endfunction()
    return()
endif()

# A script that holds the text that ends its element would end it.
function(read_part variable file)
    file(READ ${file} text)
    if(text MATCHES "</(script|style)")
        message(FATAL_ERROR "${file}: holds the end of the element that it stands in")
    endif()
    set(${variable} "${text}" PARENT_SCOPE)
endfunction()

function(append_array name text)
    string(LENGTH "${text}" size)
    string(HEX "${text}" digits)
    string(REGEX REPLACE "(................................)" "\\1\n" digits "${digits}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," digits "${digits}")
    file(APPEND ${TARGET} "const unsigned char ${name}[] = {\n${digits}};\n"
        "const size_t ${name}_size = ${size};\n")
endfunction()

cmake_path(GET TARGET PARENT_PATH folder)
file(ARCHIVE_EXTRACT INPUT ${UPLOT} DESTINATION ${folder})
read_part(licence ${folder}/package/LICENSE)
read_part(script ${folder}/package/dist/uPlot.iife.min.js)
read_part(style ${folder}/package/dist/uPlot.min.css)
set(script "/* uPlot 1.6.32\n\n${licence}*/\n${script}\n(() => {\n\"use strict\";\n")
foreach(name IN LISTS LB_PAGE_SCRIPTS)
    read_part(text ${SOURCE}/${name}.js)
    string(APPEND script "\n${text}")
endforeach()
string(APPEND script "})();\n")
read_part(text ${SOURCE}/report.css)
string(APPEND style "\n${text}")

file(READ ${SOURCE}/report.html page)
string(REPLACE "@STYLE@" "${style}" page "${page}")
string(REPLACE "@SCRIPT@" "${script}" page "${page}")
string(FIND "${page}" "@DATA@" hole)
string(SUBSTRING "${page}" 0 ${hole} head)
math(EXPR rest "${hole} + 6")
string(SUBSTRING "${page}" ${rest} -1 tail)
file(WRITE ${TARGET} "/* Made by cmake/page.cmake. */\n#include \"report/report.h\"\n\n")
append_array(lb_page_head "${head}")
append_array(lb_page_tail "${tail}")
