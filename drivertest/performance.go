package drivertest

// performanceRules are measured by Benchmark, where a run can't; there they stand for the record.
func performanceRules() []rule {
	return []rule{
		{"PERF-01", Perf, "Throughput by size of object, for put, get and stream.", byBenchmark, 0},
		{"PERF-02", Perf, "The cost of appending grows with the bytes, not with what is there.", byBenchmark, 0},
		{"PERF-03", Perf, "Latency of small calls: median, 90th and 99th percentile.", byBenchmark, 0},
		{"PERF-04", Perf, "List and Walk cost in proportion to the entries.", byBenchmark, 0},
		{"PERF-05", Perf, "Writers and readers side by side.", byBenchmark, 0},
		{"PERF-06", Perf, "Stat and small puts take two requests to the back-end at most, listings one for each page.", requests, 0},
		{"PERF-07", Perf, "A page of a walk costs as the page, not as the tree.", byBenchmark, 0},
		{"PERF-08", Perf, "Allocations for each call.", byBenchmark, 0},
		{"PERF-09", Perf, "No single directory of the back-end takes the pieces of all uploads.", hotDirectory, 0},
		{"PERF-10", Perf, "Memory after many uploads is what it was.", byBenchmark, 0},
		{"PERF-11", Perf, "Move of a large object, against its copying.", byBenchmark, 0},
		{"PERF-12", Perf, "Time from Reader to the first byte.", byBenchmark, 0},
	}
}

func byBenchmark(x *trial) { x.inconclusive("measured by Benchmark") }
