# SPDX-License-Identifier: Apache-2.0
# The part of the installation that looks at the target; variables from CMakeLists.txt.

# A configuration that is there stays as it is: it is the administrator's.
foreach(file weft.yaml baggage.yaml)
  if(EXISTS "$ENV{DESTDIR}/etc/weft/${file}")
    message(STATUS "Kept: $ENV{DESTDIR}/etc/weft/${file}")
  else()
    file(INSTALL DESTINATION /etc/weft TYPE FILE FILES "${WEFT_DEPLOY}/${file}")
  endif()
endforeach()

# The unit names the program by its place. systemd reads lib/systemd/system under /usr and under /usr/local.
configure_file("${WEFT_DEPLOY}/systemd/weftd.service.in" "${WEFT_SCRATCH}/weftd.service" @ONLY)
file(INSTALL DESTINATION "${CMAKE_INSTALL_PREFIX}/lib/systemd/system" TYPE FILE FILES "${WEFT_SCRATCH}/weftd.service")

# Debian's zsh looks into vendor-completions under /usr and into site-functions under /usr/local.
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  set(zsh_folder vendor-completions)
else()
  set(zsh_folder site-functions)
endif()
file(INSTALL DESTINATION "${WEFT_DATADIR}/zsh/${zsh_folder}" TYPE FILE FILES "${WEFT_DEPLOY}/completions/_weft")
