// The figures of design/performance.md, one function and one file each; every one prints its rows.
#pragma once

namespace isa::bench {

void warm_acquire();      // P1
void cold_create();       // P2
void chat_overhead();     // P3
void idle_memory();       // P5
void runs_per_second();   // P8
void start_and_memory();  // P9
void binary_size();       // P10
void first_output();      // N12

}  // namespace isa::bench
