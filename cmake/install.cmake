# SPDX-License-Identifier: Apache-2.0
# make install: the command and the programs beside it, both libraries, the header and a pkg-config file.

# The prefix is told from where the .pc file lies, so that an installed tree can be moved.
file(RELATIVE_PATH LOBASS_PC_TO_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig
    ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/lobass.pc.in lobass.pc @ONLY)
install(TARGETS lobass lobass-judge lobass-bench lobass_static lobass_shared)
install(DIRECTORY include/ TYPE INCLUDE FILES_MATCHING PATTERN "*.h")
install(FILES ${CMAKE_BINARY_DIR}/lobass.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES LICENSE README.md CHANGELOG.md TYPE DOC)
