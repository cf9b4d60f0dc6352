# SPDX-License-Identifier: Apache-2.0
# A layer is a folder of src/ and the static library lb_<name>; it links only lower layers. A program
# of tools/ is one too, but for its main.c.

function(lb_layer name)
    cmake_parse_arguments(arg "" "FOLDER" "LAYERS;LIBRARIES" ${ARGN})
    set(folder ${CMAKE_SOURCE_DIR}/src)
    if(arg_FOLDER)
        set(folder ${CMAKE_SOURCE_DIR}/${arg_FOLDER})
    endif()
    file(GLOB sources CONFIGURE_DEPENDS ${folder}/${name}/*.c ${folder}/${name}/*/*.c)
    list(FILTER sources EXCLUDE REGEX "/main\\.c$")
    add_library(lb_${name} STATIC ${sources})
    list(TRANSFORM arg_LAYERS PREPEND lb_)
    target_link_libraries(lb_${name} PUBLIC lb_flags ${arg_LAYERS} ${arg_LIBRARIES})
endfunction()

# The public library, static and shared, out of the objects of all layers.
function(lb_library name)
    cmake_parse_arguments(arg "" "" "LAYERS" ${ARGN})
    set(objects)
    set(libraries)
    foreach(layer IN LISTS arg_LAYERS)
        list(APPEND objects $<TARGET_OBJECTS:lb_${layer}>)
        get_target_property(linked lb_${layer} LINK_LIBRARIES)
        list(APPEND libraries ${linked})
    endforeach()
    list(FILTER libraries EXCLUDE REGEX "^lb_")
    list(REMOVE_DUPLICATES libraries)
    foreach(kind STATIC SHARED)
        string(TOLOWER ${kind} suffix)
        add_library(${name}_${suffix} ${kind} ${objects})
        set_target_properties(${name}_${suffix} PROPERTIES
            OUTPUT_NAME ${name} VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
        target_include_directories(${name}_${suffix} PUBLIC ${CMAKE_SOURCE_DIR}/include)
        target_link_libraries(${name}_${suffix} PRIVATE ${libraries})
    endforeach()
endfunction()

# A source that is compiled for more than the baseline; what it defines runs only where the CPU has it. The
# fuzzers do without sanitizers there: clang 14 takes minutes for a file of unrolled tiles, which no parser reaches.
function(lb_instructions source)
    if(LOBASS_FUZZ)
        list(APPEND ARGN -fno-sanitize=all)
    endif()
    set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "${ARGN}")
endfunction()
