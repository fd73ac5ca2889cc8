#ifndef MSGPROC_TESTS_SIMULATION_WORLD_H_
#define MSGPROC_TESTS_SIMULATION_WORLD_H_

#include <memory>
#include <string>
#include <vector>

#include "tests/simulation/checker.h"
#include "tests/simulation/conditions.h"
#include "tests/simulation/event_loop.h"
#include "tests/simulation/fleet_checker.h"
#include "tests/simulation/network.h"
#include "tests/simulation/random.h"
#include "tests/simulation/story.h"

namespace msgproc::simulation {

class Application;
class Balancer;
class Processor;
class Store;

// Everything there is. Its parts know it and each other by it.
struct World {
  explicit World(const Conditions& all);
  ~World();

  // By name, which is the address, too. Null: there is none.
  Balancer* FindBalancer(const std::string& name) const;
  Processor* FindProcessor(const std::string& name) const;

  const Conditions conditions;
  EventLoop loop;
  Random random;
  Network network;
  Story story;
  Checker checker;
  FleetChecker fleet_checker;
  std::unique_ptr<Store> store;  // Null: sessions are in memory.
  std::vector<std::unique_ptr<Balancer>> balancers;
  std::vector<std::unique_ptr<Processor>> processors;
  std::vector<std::unique_ptr<Application>> clients;
};

}  // namespace msgproc::simulation

#endif  // MSGPROC_TESTS_SIMULATION_WORLD_H_
