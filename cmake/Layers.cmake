# One static library a folder of src/, private links, warnings on. `einfer_layer(base SOURCES … LINKS …)` makes
# `einfer_base`. What a layer may include is checked by tests/unit/layering_test.py.
add_library(einfer_options INTERFACE)
target_compile_options(einfer_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast
                                                -Werror=switch -ffunction-sections -fdata-sections)
# Bound at start: the tables become read-only, and lazy binding cannot spill registers that hold a key onto the stack.
target_link_options(einfer_options INTERFACE -Wl,--gc-sections -Wl,-z,relro,-z,now)
if(EINFER_WERROR)
  target_compile_options(einfer_options INTERFACE -Werror)
endif()
if(EINFER_SANITIZE)
  target_compile_options(einfer_options INTERFACE -fsanitize=${EINFER_SANITIZE} -fno-sanitize-recover=all
                                                  -fno-omit-frame-pointer)
  target_link_options(einfer_options INTERFACE -fsanitize=${EINFER_SANITIZE})
endif()

# Most of a clean build's time goes into headers and templates that neighbours share, so the sources of a target are
# compiled in groups. Names of unnamed namespaces meet there: files that use one name for two things, or that GCC warns of
# only as included files, are named as ALONE.
function(einfer_in_groups target)
  if(EINFER_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
    set_source_files_properties(${ARGN} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  endif()
endfunction()

function(einfer_layer name)
  cmake_parse_arguments(arg "" "" "SOURCES;ALONE;LINKS;PRIVATE" ${ARGN})
  add_library(einfer_${name} STATIC ${arg_SOURCES})
  target_include_directories(einfer_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(einfer_${name} PUBLIC ${arg_LINKS} PRIVATE einfer_options ${arg_PRIVATE})
  einfer_in_groups(einfer_${name} ${arg_ALONE})
endfunction()
