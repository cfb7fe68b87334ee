# Installs BUILD for /usr below the folder STAGE, as those who make packages do; before that the two components one by one,
# to see that each holds its files and no others.
cmake_minimum_required(VERSION 3.25)

file(REMOVE_RECURSE ${STAGE})

function(install_into folder)
  execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${folder} ${ARGN}
    OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(expect folder present absent)
  file(GLOB_RECURSE files LIST_DIRECTORIES false RELATIVE ${folder} ${folder}/*)
  foreach(pattern IN LISTS present absent)
    set(found ${files})
    list(FILTER found INCLUDE REGEX "/${pattern}$")
    if(pattern IN_LIST present AND NOT found)
      message(SEND_ERROR "${folder} lacks ${pattern}")
    elseif(pattern IN_LIST absent AND found)
      message(SEND_ERROR "${folder} has ${found}")
    endif()
  endforeach()
endfunction()

set(runtime "libseawall\\.so\\.[0-9.]+" "LICENSE")
set(dev "libseawall\\.so" "libseawall_cpp\\.a" "seawall_c\\.h" "seawall/core\\.h" "seawallConfig\\.cmake" "seawall\\.pc"
  "seawall-cpp\\.pc")
install_into(${STAGE}/parts/runtime --component runtime)
expect(${STAGE}/parts/runtime "${runtime}" "${dev}")
install_into(${STAGE}/parts/dev --component dev)
expect(${STAGE}/parts/dev "${dev}" "${runtime}")
file(REMOVE_RECURSE ${STAGE}/parts)
set(ENV{DESTDIR} ${STAGE})
install_into(/usr)
expect(${STAGE}/usr "${runtime};${dev}" "")
