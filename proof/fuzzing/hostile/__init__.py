"""Real guards before a gateway that answers with anything at all, over real sockets.

Every answer is drawn from a seed: documented, changed by its grammar, cut, spliced, dripped, late,
and its connection closed, held or reset behind it. The gateway knows what its bytes prove, by the
oracle, and acts like that: whoever is told of an approval is charged. What the guards made of each
answer is compared with it, and when all is calm again the books must balance.
"""
