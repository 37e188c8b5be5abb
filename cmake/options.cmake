# Compiler flags of the house. Presets choose the build type; INGOT_SANITIZE is "", "address" or "thread".
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(INGOT_SANITIZE "" CACHE STRING "address, thread or empty")
option(INGOT_FUZZ "build the fuzz targets (clang)" OFF)
option(INGOT_WERROR "warnings are errors" ON)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

add_library(house INTERFACE)
target_include_directories(house INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_BINARY_DIR}/gen)
target_compile_definitions(house INTERFACE _GNU_SOURCE INGOT_VERSION="${PROJECT_VERSION}")
target_compile_options(house INTERFACE
  -Wall -Wextra -Wshadow -Wformat=2 -Wvla -Walloca -Wundef -Wconversion -Wimplicit-fallthrough
  -Wframe-larger-than=65536
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition>
  -fno-strict-aliasing -fno-delete-null-pointer-checks -fstack-protector-strong
  -ffp-contract=off)
if(INGOT_WERROR)
  target_compile_options(house INTERFACE -Werror)
endif()
if(INGOT_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(INGOT_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  # Asserts stay on in release: NDEBUG is never defined.
  set(CMAKE_C_FLAGS_RELEASE "-O2")
  set(CMAKE_CXX_FLAGS_RELEASE "-O2")
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-clash-protection -fcf-protection=full -fPIE)
  add_link_options(-pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed)
  if(NOT INGOT_NO_LTO)
    set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
  endif()
endif()
