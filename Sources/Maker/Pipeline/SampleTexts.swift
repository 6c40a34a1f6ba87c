// swift-format-ignore-file
// Written by Scripts/embed-samples.sh from samples/; a test compares them. Texts of this project, under its licence.

/// The texts of `samples/` that come with the program.
enum SampleTexts {
    static let calibration = #"""
A tide is the slow rise and fall of the sea caused by the pull of the Moon and, to a lesser degree, of the Sun. Most coasts see two high tides and two low tides in a little less than twenty-five hours. The difference in height is largest around new and full moon, when both bodies pull along one line; these are called spring tides, although they have nothing to do with the season. In narrow bays the water has nowhere to go but up. In the Bay of Fundy the sea can climb sixteen metres between breakfast and lunch, and fishing boats that float beside the pier in the morning rest on mud in the afternoon.

"Have you seen my keys?" asked Lena, turning over the cushions for the third time.
"Which ones?" her brother called from the kitchen. "The bicycle keys or the house keys?"
"Both. They're on the same ring. I told you that yesterday."
"Then they are where you left them yesterday."
She sighed. "That's exactly what someone who has hidden them would say."
He came to the door with a spoon in his hand. "Look in the freezer. You put the peas away when the phone rang."

To repot a plant, choose a container that is two or three centimetres wider than the old one. Water the plant an hour before you begin, so that the roots slide out easily. Hold the stem between two fingers, tip the pot, and tap the rim against the edge of a table. Loosen the outer roots with your hands and cut away any that are brown and soft. Put a layer of fresh soil in the new pot, set the plant at the same depth as before, fill the gap, and press gently. Water until it runs out at the bottom, then leave the plant in the shade for a few days.

The first mechanical clocks in Europe had no hands and no dial. They stood in monastery towers during the late thirteenth century and did one thing: at set hours a wheel released a hammer that struck a bell. The word clock comes from a word for bell. Hands came later, and for a long time there was only one, since nobody needed to know the minute. The pendulum changed that. Christiaan Huygens built a pendulum clock in 1656, and within a few years the error of a good clock fell from a quarter of an hour a day to about fifteen seconds.

def moving_average(values, size):
    """Return the mean of every run of `size` neighbouring values."""
    if size <= 0:
        raise ValueError("size must be positive")
    total = sum(values[:size])
    result = [total / size]
    for i in range(size, len(values)):
        total += values[i] - values[i - size]
        result.append(total / size)
    return result

Question: Why does bread go stale faster in the refrigerator than on the counter?
Answer: Stale bread is not simply dry bread. As a loaf cools, the starch that swelled in the oven begins to line up again into small crystals, and this makes the crumb firm. The process is quickest just above freezing, which is the temperature of a refrigerator. In a freezer the water is locked in ice and the crystals can hardly grow, so frozen bread keeps well. Warming a stale slice melts the crystals for a while, which is why toast tastes fresh.

In 1854 a physician named John Snow drew a map of a London district where cholera was killing hundreds of people. He marked every death with a short bar at the house where it had happened. The bars gathered around a public pump in Broad Street. Workers at a nearby brewery, who drank beer and had their own well, were spared. Snow persuaded the parish to remove the handle of the pump. The epidemic was already fading, but the map convinced many that the disease travelled in water and not in bad air.

Dear Mr. Okafor,

Thank you for your letter of 3 March about the noise from our workshop. You are right that the saws should not run before seven in the morning. One of our apprentices started early on two days in order to finish an order; he has been told not to do so again. We have also ordered a new extractor fan, which is about half as loud as the old one, and expect it to be fitted by the end of the month. If you are disturbed again, please ring me directly on 555-0143.

Yours sincerely,
Margaret Hale

A volcano that has not erupted for ten thousand years may still be alive. Geologists look for hot springs, small earthquakes, and slow swelling of the ground that can be measured from satellites. Gas tells a story too: when fresh magma rises, it gives off sulphur dioxide and carbon dioxide in changing amounts, like a bottle that is slowly opened. None of these signs gives a date. They only say that the chance of an eruption has risen from very small to somewhat less small, and towns must decide what to do with such a sentence.

The old man who kept the lighthouse had three rules. The lamp was to be lit before sunset, even on the longest day. The logbook was to be written in ink. And nobody, not even the inspector, was to whistle on the stairs. The boy who came to help him that summer thought the last rule was superstition, until one evening of thick fog when the old man stood quite still at the window, listening. "There," he said at last. "That's the Marigold. Her pilot whistles when he's frightened." They rang the bell until the ship turned.

Three ways to remember a number:
1. Break it into groups of two or three digits. 149217891969 is hard; 1492 1789 1969 is easy for anyone who likes history.
2. Walk through a house in your mind and leave one group in every room.
3. Say it aloud in rhythm, as you would a line of a song.
Practise once after a minute, again after ten minutes, and again the next day. Short, spaced repetitions work better than one long one.

The economy of a small island often rests on one or two goods. When sugar was dear, the islands of the Caribbean were worth more to European powers than whole provinces on the mainland. When beet sugar arrived in the nineteenth century, prices fell by two thirds in forty years, and estates that had seemed eternal were sold for less than the value of their roofs. Economists call this dependence a lack of diversification. Islanders had other words for it.

"What is the difference between weather and climate?" the teacher asked.
A hand went up in the second row. "Weather is what you wear today. Climate is what's in your wardrobe."
The class laughed, but the teacher wrote the sentence on the board and underlined it twice.

Copper conducts electricity better than any metal except silver. It is soft, easy to draw into wire, and does not rust away. About half of all copper that has ever been mined came out of the ground in the last thirty years, and most of what was mined earlier is still in use, because the metal can be melted and used again without loss. The ore, on the other hand, grows poorer. A century ago miners dug rock with two percent of copper in it. Today half a percent is considered good, so that a tonne of metal leaves two hundred tonnes of waste.

SELECT city, COUNT(*) AS orders, AVG(total) AS mean_total
FROM purchases
WHERE placed_at >= '2024-01-01' AND status <> 'cancelled'
GROUP BY city
HAVING COUNT(*) > 10
ORDER BY mean_total DESC;

Every spring the salmon return to the river in which they were born. They may have swum four thousand kilometres through the ocean, and yet they find the same gravel bank. Experiments with blocked nostrils showed that they smell their way through the last part of the journey: each stream has its own mixture of plants, soil, and minerals, and the young fish learn it before they leave. How they cross the open sea is less certain. Tiny crystals of magnetite in their heads suggest that they feel the Earth's magnetic field.

The committee met on Tuesday, 14 May, at 6 p.m. Present were seven members; two had sent apologies. The minutes of the last meeting were approved without change. The treasurer reported that 1,240 pounds had been raised at the spring fair, of which 310 would be spent on paint for the hall. Mrs. Lindqvist proposed that the hall be painted green. Mr. Abara proposed white. After some discussion it was agreed that the doors should be green and the walls white, and that the matter should not be raised again.

How to tell whether an egg is fresh: put it in a bowl of cold water. A fresh egg lies on its side at the bottom. As an egg ages, water leaves through the pores of the shell and air takes its place, so an egg of two weeks stands on its point, and a very old one floats. A floating egg is not always bad, but it deserves suspicion. Crack it into a separate cup first, and trust your nose.

A function is continuous at a point if small changes of the input make only small changes of the output. The idea sounds harmless, but making it exact took two hundred years. Newton and Leibniz spoke of quantities that were smaller than any number and yet not zero. Bishop Berkeley mocked them as ghosts of departed quantities. In the 1820s Cauchy replaced the ghosts by a game: you name a tolerance for the output, and I must name a tolerance for the input that keeps the output within yours. If I can always win, the function is continuous.

She had never flown before. The seat was narrower than she had imagined and the window was scratched, but when the wheels left the ground she forgot about both. The fields tilted. The river that took her an hour to walk along became a piece of bright string. "First time?" asked the man beside her without looking up from his newspaper. "Is it so obvious?" she said. He turned a page. "You're the only one smiling."

Coffee reached Europe through Venice around 1600. Priests asked the Pope to forbid the drink of the infidels; he is said to have tasted it and to have found it too good to leave to them. By 1700 London had more than five hundred coffee houses. Each had its own public. Shipowners and insurers met at Edward Lloyd's, scholars at the Grecian, poets at Will's. For a penny one could sit all day, read the newspapers and argue, and so the houses were called penny universities. Charles II tried to close them in 1675, and gave up after eleven days.

User: My laptop is very slow since the last update. What should I check first?
Assistant: Start with what is using the machine right now. Open the task manager and sort by processor and then by memory. If one program stays near the top, close it and see whether things improve. Next, check free disk space: systems become sluggish when less than about ten percent is left. If both look fine, restart the computer once, because updates sometimes finish their work only after a second restart. If it is still slow after that, tell me the model and how old it is.

Granite is a rock that cooled slowly, several kilometres below the surface. Because it had time, its minerals grew into grains large enough to see: glassy grey quartz, pink or white feldspar, and black flakes of mica. Basalt has a similar origin but cooled quickly at the surface, so its grains are too small for the eye. A single look at the grain of a stone can therefore tell how deep it was born. Builders prize granite because it is hard, hardly absorbs water, and takes a polish. They fear it for the same hardness, which ruins their tools.

The rules of the game are simple. Two players take turns. On each turn a player removes one, two, or three matches from a pile of twenty-one. Whoever takes the last match loses. The second player can always win: whatever the first player takes, the second takes enough to make four together. After five rounds twenty matches are gone and the first player must take the last. Most people need about six games to notice that something is wrong, and ten to find out what.

In the high desert the nights are cold even in summer. Dry air holds little heat, and without clouds the warmth of the ground escapes into space as soon as the Sun has set. Travellers who suffered at noon shiver at midnight. The plants have learned to live with both. Some open the pores of their leaves only in the dark, take in carbon dioxide, store it as an acid, and wait for the light of the next day to turn it into sugar with the doors closed.

Breaking news from the harbour: the ferry Northern Star ran aground on a sandbank at 5.40 this morning, half a mile from the entrance. None of the 212 passengers was hurt. Tugs will try to pull the ship free at high water, shortly after noon. A spokesman for the company said that the bank had moved since the last survey and was not where the chart showed it. Passengers were given tea and blankets; several said that the tea had been cold.

Rembrandt painted himself about eighty times. In the early pictures he tries on faces as other young men try on hats: he laughs, scowls, opens his eyes wide in terror. In the middle ones he wears velvet and leans on a sill like a prince. In the last ones there is nothing but paint and an old man who does not look away. Seen one after another, the pictures are among the most honest biographies we have, and there is not a word in them.

To solve 3x + 7 = 22, subtract 7 from both sides to get 3x = 15, then divide both sides by 3, which gives x = 5. Check the answer by putting it back: 3 times 5 is 15, and 15 plus 7 is 22. The habit of checking is worth more than any single answer.

The human ear can hear a sound that moves the air by less than the width of an atom. The outer ear gathers the wave, the drum turns it into motion, and three tiny bones pass it on to a fluid-filled spiral called the cochlea. Hair cells along the spiral each answer to one pitch, high notes near the entrance and low notes near the tip. They do not grow back. Loud noise bends them until they break, and the high ones, which stand nearest to the door, break first.

Recipe for lentil soup, four people. Ingredients: 250 g of red lentils, one onion, two carrots, two cloves of garlic, a spoon of cumin, a litre of stock, oil, salt, lemon. Chop the onion and carrots and fry them gently for five minutes. Add garlic and cumin and stir until they smell. Add lentils and stock, bring to the boil, and simmer for twenty minutes. Blend half of it if you like it smooth. Season with salt and a good squeeze of lemon, and serve with bread.

The law of supply and demand is often drawn as two crossing lines, but nobody has ever seen the lines. What can be seen are prices and quantities, one pair for each day, and each pair is a crossing point of two lines that may both have moved. If the price of umbrellas rises when it rains, did demand rise, or did the shops know that they could ask for more? To separate the two, one needs something that moves one line and not the other, such as a fire in an umbrella factory.

Once upon a time a miller had three sons, and when he died he left the mill to the eldest, the donkey to the second, and to the youngest nothing but the cat. "My brothers can earn their bread together," said the youngest, "but when I have eaten my cat and made gloves of its fur, I shall starve." The cat, who had heard every word, polished its whiskers. "Buy me a pair of boots," it said, "and you will see that you have not had the worst of the bargain."

Modern bridges are watched by instruments. Strain gauges glued to the steel report how much it stretches when a lorry passes; accelerometers feel the wind; thermometers explain why the whole deck is eleven centimetres longer in August than in January. The readings are compared with a model, and what matters is not the value but the change. A cable that hums at a slightly lower note than last year has lost some of its tension, and somebody will climb up to look.

Please answer the following questions in complete sentences. What did the author see when she reached the top of the hill? Why had the villagers left? Do you think that the guide told her the truth? Give two reasons for your opinion. Write between 150 and 200 words, and check your spelling before you hand in the paper.

Whales descend from animals that walked on land. Fossils from Pakistan, fifty million years old, show a creature the size of a wolf with hooves and with the thick ear bone that only whales have. Later skeletons have shorter legs and longer tails; in one the hind legs are no bigger than a child's arm. Living whales still carry two small bones deep in the flesh where a pelvis used to be. They breathe air, they suckle their young, and their tails beat up and down, as a running animal bends its back, and not from side to side like a fish.

int gcd(int a, int b) {
    while (b != 0) {
        int r = a % b;
        a = b;
        b = r;
    }
    return a < 0 ? -a : a;
}

The train to Bergen leaves at 8.25 from platform 4. It crosses the Hardangervidda, the largest high plateau in Europe, and climbs to 1,237 metres at Finse, where there is snow on the ground until June and no road at all. The journey takes six hours and forty minutes. Sit on the left for the lakes and on the right for the glacier. There is a restaurant car; the waffles are recommended.

It is a mistake to think that medieval people believed the Earth was flat. Every educated person after Aristotle knew it to be a globe, and an English monk named Bede explained in the year 725 why days are longer in summer by comparing the Earth to a ball and not to a shield. What Columbus's opponents doubted was not the shape but the size. They were right. Had America not been in the way, he and his crew would have died of thirst somewhere in the middle of the ocean.

"I can't do it," said the apprentice. The glass had cracked again. The master picked up the two halves and held them against the light. "You can do it," she said. "You do it too fast. Look: here it was still red, and here it was already black. The glass wants to cool as one. It is like a family. If one of them hurries ahead, something breaks." She threw the pieces into the bin with the others. "Again, and this time count to forty."

Vitamin C was discovered through its absence. On long voyages sailors grew weak, their gums bled, and old scars opened. In 1747 the ship's surgeon James Lind took twelve men with scurvy, gave all the same food, and gave each pair a different addition: cider, vinegar, sea water, a paste of garlic and mustard, drops of acid, or two oranges and a lemon. After six days the two men with the fruit were fit for duty. It took the navy another forty-two years to act on what may have been the first controlled trial in medicine.

A good password is long rather than complicated. Four random words make a phrase that is easy to remember and that a machine needs centuries to guess, while a short word with an exclamation mark and a zero in place of an o falls in minutes. Do not use the same password twice, because a thief who steals it from a careless shop will try it at your bank. Write them in a notebook if you must: burglars seldom steal notebooks, and the other kind of thief cannot read them from abroad.

Salt was once so hard to come by inland that roads were named after it. Where the sea is near and the summer hot, it can be had for nothing but patience: shallow ponds are filled, the gates are closed, and the Sun does the rest. Elsewhere people boiled the water of salt springs in iron pans, and whole forests went up the chimney. In the mountains they dug it out as rock, or led fresh water into the hill, waited until it was brine, and piped it down to the valley through miles of hollowed tree trunks. The pipes leaked and had to be replaced every few years, so the salt towns became towns of carpenters. Taxes on salt were hated more than any other, because nobody could do without it and everybody knew what it cost to make.

"Tell me again what you did," said the inspector.
"I came in at six, as always. I switched on the ovens. The light in the storeroom was on, so I thought that Viktor had come early."
"Had he?"
"No. He came at half past and asked me why I had left the light on."
"And the flour?"
"Twenty sacks last night, eighteen this morning. I count them, because the supplier doesn't."
The inspector wrote something down. "Who steals two sacks of flour and leaves the cash box?"
"That," said the baker, "is what I should like you to find out."

The moon keeps one face toward us because it turns once on its axis in exactly the time it needs to travel once around the Earth. This is no accident. Long ago it turned faster, but the Earth's pull raised a bulge in its rock, and as the bulge was dragged around it acted like a brake until the two motions agreed. The same brake works on the Earth. The tides rub against the sea floor, and the day grows longer by about two thousandths of a second in a century. Corals that grew four hundred million years ago show about four hundred daily rings for each year, so a day then had fewer than twenty-two hours.

Checklist before leaving the cabin:
- Close the valve on the gas bottle and check that the stove is cold.
- Empty the water tank and leave the taps open, so that nothing bursts when it freezes.
- Take all food with you, including the rice. Mice can read labels.
- Hang the mattresses over the line.
- Sweep the floor, carry the ash to the pit, and leave dry kindling beside the stove for whoever comes next.
- Write the date and your names in the book.
- Lock the door, hide the key, and try not to think about whether you closed the valve.

For most of history people slept in two parts. They went to bed soon after dark, woke around midnight, and stayed awake for an hour or two, in which they prayed, talked, visited the neighbours, or did small work by the fire. Then came the second sleep, until dawn. Old court records and diaries mention the first and the second sleep as a matter of course, without explaining them, as we would mention breakfast. Street lamps and late suppers pressed the two together, and by the end of the nineteenth century the words had gone. Some doctors believe that people who lie awake at three in the morning suffer from nothing worse than an old habit.

class Account:
    """A bank account that refuses to be overdrawn."""

    def __init__(self, owner, balance=0):
        self.owner = owner
        self.balance = balance
        self.history = []

    def deposit(self, amount):
        if amount <= 0:
            raise ValueError("a deposit must be positive")
        self.balance += amount
        self.history.append(("deposit", amount))

    def withdraw(self, amount):
        if amount > self.balance:
            raise ValueError(f"{self.owner} has only {self.balance}")
        self.balance -= amount
        self.history.append(("withdraw", amount))

account = Account("Ada", 100)
account.deposit(50)
account.withdraw(30)
print(account.balance)  # 120

A bridge of stone stands because it wants to fall. In an arch every stone leans on its neighbours, and the weight above presses them more firmly together; nothing is pulled, everything is pushed. The builder first sets up an arch of timber, lays the stones on it from both sides, and closes the ring with the keystone. On the day the timber is taken away the whole arch settles by a finger's breadth with a groan that old masons described as the stone finding its seat. If the feet of the arch cannot slide apart, it will stand for as long as the stone lasts. There are Roman bridges that carry lorries.

User: Can you explain what inflation is, as if I were twelve?
Assistant: Imagine that everyone in your school gets five tokens a week to spend at the snack bar, and a cookie costs one token. One day the school gives everyone ten tokens instead. The snack bar still bakes the same number of cookies. Soon the children with more tokens offer two for a cookie, because otherwise they would get none. Now a cookie costs two tokens. Nobody has more cookies than before; the tokens are just worth less. When that happens with money in a whole country, we call it inflation.
User: So is it bad?
Assistant: A little of it is normal, and it encourages people to spend or lend money instead of hiding it. A lot of it is bad, because savings melt away and nobody knows what anything will cost next month.

In the spring of 1815 a mountain called Tambora, on an island east of Java, blew a third of itself into the sky. The sound was heard more than two thousand kilometres away and taken for cannon. Fine drops of sulphuric acid spread through the upper air around the whole globe and dimmed the Sun. In the following year there was frost in New England in June, and in Switzerland it rained on a hundred and thirty days between April and September. Grain rotted in the fields. A party of young English writers, kept indoors beside Lake Geneva by the weather, passed the time by inventing ghost stories, and one of them, who was eighteen years old, began a novel about a student who makes a man.

To sharpen a kitchen knife on a stone, soak the stone for ten minutes and lay it on a wet cloth. Hold the blade at an angle of about fifteen degrees, which is as if two coins were under its back. Push the edge away from you in a slow curve, so that every part of it from heel to tip touches the stone, and use hardly more pressure than the weight of your hand. After ten strokes, feel the other side with your thumb, across the edge and never along it. When there is a fine burr along the whole length, turn the knife over and do the same. Finish with light strokes, alternately on both sides. A knife that slices a tomato without pressing is sharp; one that splits a hair is merely impressive.

My uncle collected barometers. He had eleven of them, and no two agreed. When he came down in the morning he would walk along the row in the hall, tap each glass with a fingernail, and announce the result like an election: seven for rain, three for fair weather, one undecided. Then he opened the front door and looked at the sky. If anyone asked why he needed so many, he replied that a man with one barometer knows what the weather will be, and a man with two is never certain, but a man with eleven understands the nature of opinion.

The blood of an adult holds about twenty-five million million red cells. Each lives for four months, during which it travels some five hundred kilometres, squeezing in single file through vessels narrower than itself. It has no nucleus and cannot repair its own damage, so it grows stiff with age. The spleen acts as the examiner: it has slits so fine that only a supple cell can pass. Those which fail are broken up, and their iron is carried back to the marrow, where two million new cells are made in every second of our lives.

There are two ways of counting a crowd. The first is to ask the organisers and the police and to take the average, which pleases nobody. The second is to divide the square into a grid on a photograph taken from above, to count the heads in a few cells, and to multiply. A loose crowd has one person to each square metre, a dense one two and a half. At four nobody can lift an arm, and at six people can no longer choose where they go: waves run through the mass as they do through a liquid. Whoever reads that a million people stood in a square should ask how many square metres it has.

Subject: Change of room for Thursday's seminar

Dear all,

Because of the water damage in the east wing, this week's seminar will not take place in room 204. We meet at the usual time (4.15 p.m.) in the small lecture hall behind the library, next to the bicycle racks. Please use the side entrance, as the main door closes at four.

Priya will present her results on the migration of swifts; the slides from last week are now in the shared folder. Those of you who still owe me an abstract: the deadline was Monday. I am going to pretend that it is Friday.

Best wishes,
Tomás

The compass needle points to the north only roughly. The magnetic pole is not where the axis of the Earth comes out; it lay among the islands of northern Canada for the whole of the twentieth century, and has since been running toward Siberia at up to fifty kilometres a year. Charts therefore print the difference between true and magnetic north, with the year in which it was measured and the amount by which it changes. Airports paint the bearing of a runway on its end in figures as tall as a house, and from time to time they have to paint it again. Every few hundred thousand years, north and south change places altogether. The lava on both sides of the Atlantic ridge has recorded this in stripes.

A fox, a crow, and a heron agreed to share whatever they found. The crow found a cheese, and since the fox could not climb, the crow and the heron ate it in the tree. The fox found a dish of soup, and since the dish was flat, the fox licked it up while the birds pecked at the rim. The heron found a jug with a long neck and fish in it. "My friends," said the heron, "I have thought about our agreement, and I see that it was a very good one. We only forgot to say what sharing means." The other two went home hungry, and it is said that the first lawyer was born in that part of the forest.

Photographs were once made on glass. The photographer poured a sticky liquid over the plate, dipped it into a bath of silver salts, put it wet into the camera, and took off the cap. He counted: six seconds in bright sun, twenty on a cloudy day. Then he had to develop the plate before it dried, so wherever he went, a tent or a cart went with him. The sitters held still with their heads in an iron clamp hidden behind the neck. This is why our great-grandparents look so stern. They were not unhappy; they were counting too.

If a fair coin is tossed ten times, the chance of ten heads is one in 1,024. If a thousand and twenty-four people each toss a coin ten times, it would be strange if none of them had ten heads. The winner will be asked for his secret, and he will have one: he will say that he always tosses with the left hand, on an empty stomach. Fund managers who have beaten the market for ten years should be read with this in mind. It does not prove that they are only lucky. It shows how large a crowd of unlucky ones one ought to ask about first.

A sail does not simply catch the wind. On a boat that runs straight before it, the sail is a bag, and the boat can never be faster than the air that pushes it. On a course across the wind it is a wing. The air bends around the curved cloth, moves faster on the outer side, and pulls the sail forward and sideways. The keel, which is a second wing turned upside down in the water, cancels the sideways part, and what remains drives the boat ahead, in some cases at twice the speed of the wind. A boat cannot sail straight into it, but at forty-five degrees it can, and by going first to one side and then to the other it reaches a harbour from which the wind is blowing. Fishermen did this for centuries without being able to say why.

"Why are you learning Finnish?" asked the man at the language school.
"Because of a song," said Amara. "I heard it on the radio and didn't understand a word."
"What was it called?"
"I don't know. That is why I am here."
He laughed and pushed the form across the desk. "Most people say business."
"Does it cost less, for business?"
"No. But they give up sooner."

The history of the pencil begins with a storm. In the middle of the sixteenth century, in the hills of Cumberland, a tree was blown over and a black, greasy stone came to light beneath its roots. Shepherds used it to mark their sheep. It was thought to be a kind of lead, and so the core of a pencil is still called lead, although there has never been any in it. The mine was guarded by soldiers and flooded when it was not in use, since the stone was needed to line the moulds for cannonballs. When war cut France off from it, an officer named Conté ground poor graphite to powder, mixed it with clay, and fired the paste in an oven. More clay made a harder pencil. Everything that has been drawn or added up in pencil since then rests on that mixture.

Fill in the form as follows. In box 1 write your family name in capital letters, and in box 2 all your given names. Leave box 3 empty unless you have changed your name. The number asked for in box 4 is the one on the back of the card and not the one on the front. If you have lived at your present address for less than two years, list earlier addresses on a separate sheet, beginning with the most recent. Sign inside the frame; a signature that touches the frame is read by the machine as a mistake. Do not staple anything to anything.

Rivers do not run straight. Let a stream flow down an even slope of sand, and within an hour it begins to swing from side to side. At the outside of every bend the water is fast and eats into the bank; at the inside it is slow and lays down what it has taken from the bend above. So each curve grows until two of them meet, the river breaks through the neck, and the old loop is left behind as a lake in the shape of a horseshoe. Seen from the air, a valley is full of such abandoned loops, one inside another, like a page on which somebody has tried out a signature. Property lines that were drawn along rivers have kept lawyers busy on every continent.

User: I have eggs, half an onion, two boiled potatoes, and a piece of hard cheese. What can I make in fifteen minutes?
Assistant: A Spanish-style omelette. Slice the potatoes and the onion. Fry the onion in plenty of oil over medium heat for five minutes, add the potatoes, and let them take a little colour. Beat four eggs with salt and pepper, pour them over, and lower the heat. When the edge is firm and the middle still trembles, grate the cheese on top, cover the pan, and wait two minutes. Slide it onto a plate and cut it in wedges.
User: I don't have a lid.
Assistant: Use a plate that is larger than the pan, or a sheet of baking paper pressed down lightly.

The first thing a new telescope sees is its own faults. When the Hubble Space Telescope sent back its first pictures in 1990, every star had a halo. The great mirror had been polished with wonderful precision to the wrong shape: at the rim it was too flat by about a fiftieth of the width of a hair. The instrument used to test it had been assembled with one lens 1.3 millimetres out of place, and two simpler instruments, which had shown that something was wrong, had not been believed. Three years later astronauts fitted a set of small mirrors, each the size of a coin, that were wrong in exactly the opposite way.

There was a clockmaker in our street who did not sell clocks. He repaired them, and when they were repaired he kept them for another week, to listen. My mother once sent me to fetch ours. "Not yet," he said, "she is limping." I could hear nothing but ticking, forty different kinds of it. He bent down, slid a folded bus ticket under one foot of the case, and waited. "Now," he said. I carried it home through the snow, and it stood on our sideboard for thirty years, always with that bus ticket under its left foot, because no one dared to try it without.

Numbers to remember. The speed of light is 299,792 kilometres per second; sound in air is almost a million times slower, at about 340 metres per second. A year has 31.6 million seconds, so a person who counts one number every second needs eleven and a half days to reach a million and nearly thirty-two years to reach a thousand million. A sheet of paper is a tenth of a millimetre thick. Folded in half 42 times, if that were possible, it would reach the Moon. The Earth weighs 6 x 10^24 kilograms, of which all living things together make up less than one part in a thousand million.

The theatre had burned down twice, and each time it had been rebuilt a little smaller. In its third form it held three hundred and twelve people, or three hundred and thirteen if the fireman sat on the steps. On the night of the premiere the leading actor lost his voice. The director, who knew every line, put on the costume, which was too long for him, and walked out into the light. He played the first act as he had always told the others not to: too loud, too fast, with his hands. In the second act he forgot that he was being watched. The critics wrote that it was the best thing he had ever done, and he never acted again.

What does a gardener do in winter? She draws. On squared paper she puts down what stood where last year, so that cabbages do not follow cabbages, and beans, which leave nitrogen in the soil, come before the plants that are hungry for it. She turns the compost, oils the handles of the tools, and sharpens the shears. On mild days she prunes the apple trees, taking out whatever grows inward or crosses another branch, until, as the saying goes, one could throw a hat through the crown. Above all she orders too many seeds. Catalogues come in January, when everything is brown, and they are printed in colour.

function debounce(callback, delay) {
  let timer = null;
  return function (...args) {
    if (timer !== null) {
      clearTimeout(timer);
    }
    timer = setTimeout(() => {
      timer = null;
      callback.apply(this, args);
    }, delay);
  };
}

const search = debounce((text) => {
  fetch(`/api/search?q=${encodeURIComponent(text)}`)
    .then((response) => response.json())
    .then((items) => console.log(`${items.length} results`));
}, 250);

Concrete is older than the Romans, but the Romans made it with volcanic ash, and theirs is still there. A harbour wall at Caesarea has stood in salt water for two thousand years and is harder than when it was built, since the sea slowly reacts with the ash and grows fine needles of mineral in the cracks. Our own concrete sets faster and carries more, above all because it has steel in it. But steel rusts, rust takes up more room than steel, and once water has found a way in, it splits the concrete from within. Engineers design an ordinary bridge to last a hundred years. The Romans had never heard of such a thing as a design life.

The rules for the library are few. You may take home five books for four weeks. You may renew them twice, unless someone else is waiting. You may eat an apple in the reading room but not an orange. You may sleep, provided that you do not snore. You may bring a dog if it is smaller than the dictionary on the stand by the window. Mobile telephones are to be silent, as is the man at the table in the corner, who has been working on his history of the town since 1987 and does not wish to be asked how it is going.

Ants that return to the nest with food leave a scent on the ground. Others follow it and, if they too find food, they renew it. A shorter path is walked more often in the same time, so its scent grows stronger, while the scent on a detour evaporates. Nobody compares the two; the comparison is done by the ground. Programmers have copied the idea in order to plan delivery routes: thousands of simulated ants wander over a map, each leaving a number behind, and after some time most of the numbers lie on a route that is very nearly the best. Real ants have one more trick. A few of them never follow any trail, and it is these who find what nobody has found before.

Patient's history: a woman of sixty-two, retired teacher, came with pain in the right knee that had been growing for about a year. No injury. The pain is worst when she walks downstairs and better after rest; in the morning the joint is stiff for ten or fifteen minutes. She takes tablets for high blood pressure and no others. On examination the knee is slightly swollen, not warm, and bends to 120 degrees with a grating that can be felt under the hand. The X-ray shows a narrowed space on the inner side. Advice: exercises for the thigh twice a week, swimming or cycling, loss of five kilograms, and review in three months. An operation is not needed at present.

There is a village in the mountains where the Sun does not rise between the eleventh of November and the second of February. It passes behind the ridge to the south, and the people see its light only on the opposite slope, moving a little lower each noon. A few years ago they put up a mirror of steel above the village, forty square metres of it, with a motor that follows the Sun and throws its light down onto the square. It is not warm. It is a patch of brightness about the size of a tennis court, and on clear days at noon everyone finds that they have something to do in the square.

Wool keeps its warmth when it is wet, and cotton does not. The reason lies in the fibre. A thread of cotton is a flat tube that soaks up water and collapses, and with the air between the threads goes the insulation. A hair of wool is covered with scales that shed drops, while its core takes up vapour, as much as a third of its own weight, without feeling damp; and in doing so it gives off a little heat. It is also crimped like a spring, so that a pullover which has been sat on fills itself with air again. Sheep had no other aim than to stand on a hillside in the rain. That fishermen, shepherds, and soldiers wished to do the same was good fortune for both.

"I'd like to return this parrot," said the woman.
The shopkeeper put down his tea. "Is something wrong with it?"
"It speaks."
"Madam, it was sold as a speaking parrot."
"You told me that it spoke English. It speaks in my late husband's voice."
He looked at the bird. The bird looked at the ceiling. "And what does it say?"
"It says, 'Not now, Edith.' I've heard it for forty years, and I had just got used to the quiet."

Maps must lie. The surface of a ball cannot be laid flat without tearing or stretching, so each projection decides what shall be wrong. Mercator's, drawn in 1569 for navigators, keeps every angle: a line of constant compass course is straight on it, and the pilot can lay a ruler on the sheet. The price is paid in area. Greenland looks as large as Africa, although Africa would hold it fourteen times. Other maps keep areas and bend the shapes, so that the continents hang down like washing. A few preserve neither and are simply pleasant to look at. Atlases mostly use these. Before believing that one country is bigger than another, turn to a globe, or look up the figure.

Notes for the new caretaker:

The boiler must be bled on the first Monday of the month. Use the brass key, not the steel one. If it knocks, it is short of water; if it sings, it is too hot; if it is silent, telephone Hansen and meanwhile open the cellar window. The lift stops between the second and third floors when more than four people jump in it, which pupils discover every September. The piano in the hall is tuned at Easter. Do not let anyone put flowers on it. Mr. Whitcombe, who teaches Latin, forgets his keys on Thursdays. There is a spare set under the third flowerpot, and he knows nothing of it, since he would only lose those as well.

In a market where sellers know more than buyers, the good may be driven out by the bad. Take used cars. A buyer who cannot tell a sound car from a wreck will offer a price in between. For the owner of the sound car this is too little, and he keeps it. So the cars on offer are worse than the average, buyers notice, the price falls, and the owners of the next best cars withdraw as well. In the end only wrecks are traded, or nothing. The remedies are familiar, and seen in this light each of them makes sense: guarantees, inspections, brand names, reviews by strangers, and the neighbour who knows about engines.

At the age of nine my father swam across the river to win a penknife. The bet was with an older boy named Lasse, who had already lost the knife and did not say so. When my father came back, blue and shaking, Lasse confessed, and since he had nothing else he gave him a promise, to be redeemed at any time. My father never spoke of it. Forty-six years later he was standing on a platform with a broken suitcase, the last train had gone, and a stranger with white hair stopped his car. They recognised each other by the way they both began to laugh. "So this is the time," said Lasse, and drove him two hundred kilometres through the night.

Fermentation is what microbes do to food when there is no air, and cooking without fire. In a crock of shredded cabbage with two percent of salt, the first bacteria arrive on the leaves themselves. They eat sugar and give off acid and gas, until the acid is too strong for them and they make room for others that like it. After three weeks nothing harmful can live in the crock. The cabbage is now sauerkraut, keeps through the winter, and contains more vitamins than when it was fresh. Milk becomes cheese in a similar way, barley beer, grapes wine, soya beans sauce, tea leaves black. If one were to take from our tables everything that has been spoiled on purpose, there would be little left to enjoy.

Q: How many bones does a human being have?
A: An adult usually has 206. A newborn child has about 270, partly of cartilage, many of which grow together during childhood.
Q: Which is the smallest?
A: The stirrup in the middle ear, about three millimetres long.
Q: And the largest?
A: The thigh bone. Its length is roughly a quarter of a person's height.
Q: Can bones become stronger?
A: Yes. Bone is renewed all the time, and it becomes denser where it is loaded. The racket arm of a tennis player has visibly thicker bones than the other one. Astronauts, whose bones carry nothing, lose about one percent of the mass of some of them each month.

On the morning of the eclipse the whole town stood in the park with cardboard glasses. At first nothing happened, or so little that the children went back to their football. Then the light became strange, as it does before a thunderstorm but without clouds. Under the lime trees every gap between the leaves threw a small bright crescent on the path, hundreds of them, all bent the same way. It grew cold. The swifts came down. A dog lay flat on the grass, and somewhere a street lamp switched itself on. When the last bead of light went out, there was a sound that I have never heard before or since, several thousand people breathing in.

The word "algorithm" is the name of a man in disguise. Muhammad ibn Musa al-Khwarizmi worked at the House of Wisdom in Baghdad around the year 820 and wrote a book on reckoning with the Indian numerals. Three hundred years later it was translated into Latin, and the translation began with the words "Dixit Algorizmi", thus spoke al-Khwarizmi. Readers took his name for that of the method. Another of his books taught how to solve equations by moving a term from one side to the other, an operation called al-jabr, the setting of broken parts. In Spain the word was for centuries also seen on the signs of barbers, who set bones.

Instructions for the emergency radio. 1. Pull out the handle on the right-hand side and turn it for one minute, about two turns a second; this gives twenty minutes of reception. 2. Set the switch to FM or AM. 3. Turn the large wheel until the station is clear. The red lamp lights up when the battery is almost empty. 4. To charge a telephone, connect it to the socket beneath the rubber cover and keep turning. Five minutes of cranking are enough for one short call. Do not leave the device in the sun. Do not turn the handle backwards. If the radio has been under water, remove the battery cover, shake it, and let it dry for a day.

Trees talk, it is sometimes said, by way of the fungi that connect their roots. What has been measured is more modest and more interesting. Carbon marked with a radioactive label and given to a birch was found a few days later in a fir nearby, and more of it when the fir stood in shade. The threads of the fungus are the likeliest path. Whether the birch gives or the fungus takes is a question of words to which an experiment can hardly reply. The fungus has its own interests: it receives sugar from both, delivers water and phosphorus to both, and is best served if neither of them dies. One might as well say that a bank is the way in which its customers are kind to one another.

Minutes of the allotment society, continued. Item 4: the hedge. It was noted that the hedge between plots 11 and 12 has reached a height of three metres, whereas the rules allow one metre and forty. Mr. Dimitriou (plot 11) stated that the hedge belongs to plot 12. Mrs. Falk (plot 12) stated that it belongs to plot 11. The plan of 1953 shows no hedge. Item 5: the wasps. Postponed. Item 6: the prize for the largest pumpkin. Last year's winner, weighing 61.5 kg, had been found to contain a bag of sand. The committee decided that in future pumpkins are to be weighed and then opened, and that the soup will be shared among those present.

If you want to understand a machine, ask what it does when it fails. A train without current rolls on and cannot stop by itself, and so its brakes are held open by compressed air: when the hose bursts, the air escapes and the brakes close. The handle of a lawn mower has to be pressed; whoever lets go, stops the blade. The control rods of a reactor hang from magnets above the core, and if the power goes, they fall. In each case somebody thought about the bad day first and arranged things so that the laws of nature do the right thing unasked. Such a design costs little at the beginning and is almost impossible to add later.

The night train had four sleeping cars, and in the last of them an argument was going on about the window. The gentleman from Trieste could not sleep without fresh air. The lady from Graz could not sleep with it. The student on the upper berth, who wished only to read, proposed that the window be open as far as Villach and shut from there on. This was agreed to and written down on the back of a ticket. At Villach it turned out that the window could not be moved at all and had been painted shut, to judge by the layers, during the reign of the last emperor. After that all three of them slept very well.

A court can only judge what is brought before it. This rule, which seems to be a weakness, is one of the oldest safeguards against the power of judges. A king sees an evil and strikes; a judge must wait until two parties come through the door who disagree about something definite. He hears both, each in the presence of the other, and may decide no more than they have asked him. He must give reasons. The reasons are written down, and the next judge, although he never met the people or the horse that they quarrelled about, will be reminded of them by a lawyer. In this way, from one horse to the next, a law of sale came into being that nobody had ever sat down to write.

The mountain hut had been run by the same family since 1906. Supplies were carried up on the back, forty kilograms at a time, until a helicopter came in the eighties, and now the youngest daughter was carrying them again, because the helicopter had become too dear. "People ask whether it isn't lonely," she told me while she sliced bread. "In July I have ninety guests a night. In September there are ten. In October I talk to the stove." She pointed with the knife at a row of small bottles on the sill. "Rainwater, one from each summer since I was six. My brother says that they are all the same. But he lives in the valley, and he drinks from a tap."

How vaccines came about is a story with cows in it. It was known in the English countryside that milkmaids who had caught the mild cowpox were spared by smallpox, which killed one person in three and scarred the rest. In 1796 a country doctor named Edward Jenner took matter from a blister on the hand of Sarah Nelmes, who had caught it from a cow called Blossom, and scratched it into the arm of his gardener's son. Six weeks later he tried to infect the boy with smallpox, which no committee would permit today, and nothing happened. The Latin word for cow is vacca. In 1980 the disease was declared extinct, the first that human beings have ever removed from the world on purpose, and Blossom's hide still hangs in a library in London.

Packing list, five days in the hills, autumn:

boots (worn in!), two pairs of thick socks, three of thin ones; long trousers; rain jacket; light gloves; a hat that does not mind being sat on
map 1:25,000, sheets 31 and 32; compass; whistle; head torch with a second battery
stove, gas, one pot, a spoon, a mug; oats, dried fruit, rice, lentils, a lemon, salt in a film canister
plasters, tape, scissors, tablets against pain, the phone numbers on paper
not the second book; you carried it last year and did not open it

The cheapest way to store a great deal of energy is still to lift water. At night, or when the wind blows and nobody needs the current, pumps push a lake uphill, and when the kettles are switched on after the evening film it comes down again through the turbines. Four fifths of what was put in comes back. A cubic metre of water lifted by four hundred metres holds one kilowatt-hour, or about as much as a person can produce in a long day on a bicycle. It does not sound like much, but a lake has many cubic metres. What is lacking is mountains. Where there are none, people have tried to store the energy in air pressed into salt caverns, in hot sand, in spinning wheels, and in trains full of stones that are driven up a slope and allowed to roll down.

User: I need to tell my team that our project has been cancelled. How should I begin the message?
Assistant: Say it in the first sentence. People who read three paragraphs of thanks before the bad news feel tricked, and those who skim may miss it. You might write: "The steering group decided this morning to stop the project at the end of the month." Then give the reason in one or two sentences, as plainly as you are allowed to. After that, say what happens to each person and to the work, and by when the open questions will be answered. Put your thanks at the end and make them specific.
User: Should I say that I argued against it?
Assistant: Only if it helps them, not if it helps you. If they may think that nobody spoke up for their work, one sentence is enough. Don't invite them into a dispute that is already over.

Snowflakes have six arms because water molecules, when they freeze, hold one another at fixed angles and build a lattice of hexagons. The first crystal in the cloud is a plain six-sided plate, smaller than a grain of flour. Its corners reach a little further into the moist air than its sides, and so they grow faster, and on the arms the same thing is repeated. All six arms look alike since they travel together: they pass through the same cold and damp at the same moment, and each answers in the same way. Two flakes differ because they took different ways. At minus two degrees plates grow, at minus five needles, at minus fifteen the stars that we draw. A falling flake is thus a letter, in which the cloud has written down what it was like inside.

The dictionary took seventy years. When the committee met for the first time, in 1858, it expected to need ten. Volunteers all over the country read books and wrote out on slips of paper each word that struck them, with the sentence in which it stood. The slips came in by the sack. They were kept in pigeonholes in an iron shed in a garden, sunk a metre into the ground so that it should not spoil the view of the neighbour, and in winter the editor sat there with his feet in a box of straw. One of the most diligent readers, who sent in thousands of the best quotations, always excused himself when he was invited. It was found out after years that he wrote from an asylum, where he was kept for murder, and where he had been given two rooms for his books.

A proof that there is no largest prime number. Suppose that there were one, so that all primes could be written in a list: 2, 3, 5, 7, and so on up to the last. Multiply all of them and add 1. The new number leaves the remainder 1 when it is divided by any prime of the list, so none of them divides it. But every number greater than 1 has some prime that divides it. This prime is not in the list, which was supposed to be complete. Hence no such list can be complete. The argument is twenty-three centuries old, takes five lines, and cannot be improved. Note that it does not say that the new number is itself prime: 2 x 3 x 5 x 7 x 11 x 13 + 1 is 30,031, which is 59 times 509.

On Fridays the fishmonger let the children feed the seal. It had appeared in the harbour one winter with a hook in its lip, and when it had been freed it saw no reason to leave. The council debated whether it was allowed. The harbourmaster said that it came under mooring without a licence. A professor came from the university to fix a transmitter to its back, and for a month it could be followed on a screen in the town hall: twelve miles out, a wide curve around the lightship, and home by Friday at four. "He can tell the days of the week," said the fishmonger. The professor explained that it probably heard the bell of the school. In the holidays, when there was no bell, it came on Friday at four.

#include <stdio.h>
#include <string.h>

/* Counts how often each letter occurs in standard input. */
int main(void) {
    unsigned long counts[26];
    memset(counts, 0, sizeof counts);
    int c;
    while ((c = getchar()) != EOF) {
        if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
        if (c >= 'a' && c <= 'z') counts[c - 'a']++;
    }
    for (int i = 0; i < 26; i++) {
        printf("%c %lu\n", 'a' + i, counts[i]);
    }
    return 0;
}

Jazz is often explained by what it leaves out. The written tune fills one page, and the players know it by heart; what they have come to hear is what will be done to it tonight. The bass walks, four steps to the bar. The drummer keeps time with one hand and breaks it with the other three limbs. When the soloist begins, the chords go on beneath him like a street that he knows with closed eyes, and he may cut through gardens, climb over walls, or stand still for eight bars, so long as he comes out at the right corner. The audience applauds when he gets there. A mistake played once is a mistake; an old trumpeter taught that if you play it twice, it becomes an idea.

Tenancy agreement, section 7: Repairs. The landlord shall keep the roof, the outer walls, the windows, the heating, and the pipes in good order. The tenant shall report damage without delay; if he fails to do so, he is liable for whatever harm results from the delay. Small repairs to objects that the tenant handles every day, such as taps, switches, and door handles, are paid for by the tenant up to 80 euros in each case and 250 euros in a year. The landlord may enter the flat after giving notice of at least two days, on weekdays between nine and six; in an emergency, such as fire or a burst pipe, at any time. The tenant may drive nails into the walls, within reason.

Deserts are not made of sand. Only about a fifth of the world's desert is; the rest is gravel, bare rock, salt, and in the far south ice. What they have in common is that more water could evaporate than falls. Most lie in two belts around the globe, where air that has risen at the equator and rained itself empty sinks down again, dry and warm. Others lie in the lee of mountains, which have taken the rain for themselves. A few lie on coasts washed by cold currents, where fog rolls in every night and it never rains; there beetles climb to the crest of the dunes before dawn, stand on their heads, and let the drops that form on their backs run down into their mouths.

"What I don't understand," said Milo, "is why you kept all the receipts." They were sitting on the floor among shoeboxes. His aunt held one up to the window. "Look. The second of June, 1974: two ices, one lemonade. Now tell me who drank the lemonade." "How should I know?" "You shouldn't. But I do." She put the slip back in its place, between a pair of gloves and a ticket for the zoo. "Other people write diaries. They write down what they felt, and afterwards they can't believe it. I only kept what it cost." He took another box on his knees. It was marked with a year before he was born, and with three small crosses in red pencil. "And this one?" he asked. "That one," said his aunt, "we leave shut."

The eye is not a camera. Only a spot in the middle of the retina, no larger than the head of a pin, sees sharply; at arm's length it covers about as much as a thumbnail. All else is a blur, in which we notice above all that something moves. Three times a second the eyes jump, and the spot is pointed at another piece of the world. During the jump we are blind. From these scraps the brain assembles a broad, steady, colourful picture and assures us that we see it all at once. The trick can be exposed with two mirrors: nobody has ever seen his own eyes move in a bathroom mirror, although everybody standing next to him can.

"Your essay is very good," said the professor, "and I shall have to give it back." Ines waited. "You quote eleven books. You agree with ten of them and disagree with one. What about you?" "I thought that I should show that I had read them." "You have. Now close them and write me one page on what you would tell your sister about it at breakfast." "My sister is six." "So much the better. She will ask you why." Ines went home and sat in front of the empty page till midnight. It was, she said afterwards, the first time in three years of study that she had been made to think.

Paper was made in China for a thousand years before anyone in Europe had touched it. Rags, bark, and old fishing nets were soaked, boiled with ash, and beaten to a pulp; then a fine screen was dipped into the vat and lifted out with a thin layer of fibres lying on it, which the maker shook crosswise in a way that took years to learn. In the eighth century the craft reached Samarkand, by way of prisoners of war if the story is true, then Baghdad, Cairo, Fez, and Valencia. Mills with water-driven hammers did the beating. For centuries the scarce thing was rags. Only when, around 1840, it was found that wood could be ground into fibre did newspapers become so cheap that one could wrap fish in them.

How to read a balance sheet in five minutes. On the left is what the firm owns, on the right where the money came from, and the two sums are always equal, for it is the same money looked at twice. First look at cash, and at the debts that fall due within a year; if the second is much larger than the first, ask how they will be paid. Then compare the debts with the capital of the owners. Then look at inventory: if it grew faster than sales, something is not being sold. Goodwill is what was paid for other firms beyond the worth of their tables and chairs, and it can vanish overnight. Last, read the notes. Whatever the firm would have preferred not to mention is there, near the end, in a small type.

The well stood in the middle of the courtyard, and by custom the first bucket of the day belonged to the oldest woman in the house. That was Nonna Assunta, who was ninety-one. She came down the stairs at five, one step at a time, and drew it herself. When the town laid pipes, the other families took the plank that covered the well and made a bench of it. Assunta said nothing. Each morning at five she came down, pushed the geraniums aside, and let down her bucket. In the summer of the great drought the pipes coughed, spat brown water, and fell silent. At five the next morning fourteen people with pots and pans stood in the courtyard in their nightshirts, and every one of them stepped back to let her through.

Sharks are older than trees. The first of them swam some four hundred and fifty million years ago, when nothing on land grew higher than moss. They have no bones; their skeletons are of cartilage, which seldom turns into stone, and so what is known of the early ones is mostly known from teeth, of which a shark loses thousands in its life. Around the snout they carry small pits filled with jelly that feel electric fields. The beating heart of a flounder hidden in the sand gives itself away by a few millionths of a volt. Some species lay eggs in leathery cases, others bear live young, and the Greenland shark, which grows a centimetre a year, is thought to be grown up at a hundred and fifty.

Hotel Miramar: answers to questions that our guests ask us
Breakfast is served from 7 to 10.30, on Sundays until 11. If you leave earlier, tell us the evening before, and we will put a bag in front of your door.
The beach is 300 metres away. Go left at the pharmacy and not, as the sign says, right; the sign belongs to the other hotel.
The safe in the wardrobe takes any four digits. Guests who choose 1234 are asked to reconsider.
The sound at night is the ice machine. The sound in the morning is Carlo.
The last bus from the old town goes at 11.40 p.m. A taxi costs between 14 and 18 euros. If it costs more, ask for a receipt and give it to us.

What we call cold is only a lack of something. Heat flows from the hotter to the colder body and never by itself the other way, so a refrigerator has to be cunning. It lets a liquid boil at a low temperature inside, by lowering the pressure, and the boiling takes heat from the milk. The vapour is pumped out and squeezed until it is hotter than the kitchen; behind the cabinet it gives its heat away, turns liquid again, and is sent round once more. For each unit of electrical energy two or three units of heat are moved. A heat pump in the cellar is the same machine with its cold side in the garden. It cools a piece of lawn which is cold already, in order to warm a house, and it is strange only until one has calculated it.

There are three kinds of silence in an orchestra. The first is before the beginning, when the conductor has raised the stick and sixty people breathe in. It belongs to everyone. The second is written in the parts as rests; the trombones, who may have two hundred bars of it, count under their breath and read newspapers on their knees. The third comes after the last note of a great slow movement. It is not written anywhere, and nobody can order it. Sometimes a man in the ninth row destroys it by shouting bravo. Sometimes it lasts ten seconds, and those are the evenings which, many years later, people say that they remember.

def parse_duration(text):
    """Return the seconds in a string such as '1h30m', '45s' or '2d'."""
    units = {"d": 86400, "h": 3600, "m": 60, "s": 1}
    total, number = 0, ""
    for character in text.strip():
        if character.isdigit():
            number += character
        elif character in units and number:
            total += int(number) * units[character]
            number = ""
        else:
            raise ValueError(f"unexpected {character!r} in {text!r}")
    if number:
        raise ValueError(f"no unit after {number} in {text!r}")
    return total

assert parse_duration("1h30m") == 5400
assert parse_duration("2d") == 172800

The border between two countries ran through the café. It had been drawn on a map in a distant capital, with a ruler, by men who did not know that there was a café. On the one side of a white line on the floor beer was cheaper, on the other tobacco. For years the guests sat where they liked and reached across. When the law required that places of refreshment close at ten in the first country and at midnight in the second, at ten o'clock everyone rose, took his glass, and moved two metres to the east. A customs officer came once to see to it that the line was respected. He was offered a chair. Its front legs stood in one state and its hind legs in the other, and he sat on it until he was pensioned off.

Why do we yawn? Not for want of oxygen: people who breathe pure oxygen yawn just as often. It may cool the brain, for yawning is more frequent in warm rooms and less so with a cold cloth on the forehead. It may be a signal, since it is catching. Dogs catch it from their owners, chimpanzees from videos of other chimpanzees, and children only from the age of four or five, at about the time when they begin to guess what others think. Unborn babies yawn from the eleventh week, with nobody there to be infected. Reading about it is enough. By this point in the paragraph roughly half of all readers will have yawned, and most of the others are holding it back.

Weekly report, machine hall 2. Output 14,820 units (previous week 15,310; plan 15,000). Scrap 1.9 percent, of which two thirds on line 4. Line 4 stood for six hours on Tuesday because of a worn bearing in the feeder; a replacement had been in stock under a wrong number and was found by Mr. Sato from memory. Number corrected. One minor accident: a cut finger, treated on the spot, cause a missing guard, guard refitted, all other guards checked. Overtime 46 hours. Visitors: a school class on Thursday, 24 pupils, who asked better questions than the auditors. Next week: trial of the new coating, start Wednesday at 6.00; please keep bay 3 free.

Of all the gods of the old north, the one about whom the best stories are told was not properly a god at all. Loki was a giant's son who had mixed his blood with Odin's, and from then on he could not be thrown out. He could become a salmon, a fly, or a mare. He cut off the golden hair of Thor's wife while she slept, and in order to save his skin had to go to the dwarfs and beg for new hair; and since he wagered his head against two brothers, the gods came by the hammer, the spear, and the ship that can be folded up like a handkerchief. So it goes in most of the tales: first he causes the trouble, next he finds the way out of it, and at the end everyone is a little richer and trusts him a little less.

If you fall through ice, do not try to climb out at once. For the first minute the cold makes you gasp, and the only task is to keep your mouth above the water until your breath obeys you. After that you have about ten minutes in which hands and arms will still do as they are told. Turn toward the side from which you came, as it has carried you once. Lay your arms flat on the ice, kick with your legs as if you were swimming, and slide out on your stomach like a seal. Don't stand up. Roll away from the hole until you reach thicker ice, then crawl. Somebody who wants to help should lie down, too, and push a ladder, a branch, or a scarf ahead of him. Even a person who can no longer move his fingers remains conscious for the better part of an hour.

"""#
    static let heldout = #"""
A glacier is a river of ice that moves too slowly for the eye. Snow falls on the upper part in winter, and more of it falls than the summer can melt. Year after year the layers press upon one another until the flakes become grains, the grains become ice, and the ice, under its own weight, begins to flow. In the middle it moves faster than at the sides, where it rubs against the rock. Stakes that surveyors set in a straight line across a glacier in the Alps had bent into a bow after one year. The ice carries stones on its back and grinds others into flour beneath it, and where it ends, it leaves them in a wall that shows, long after the ice has gone, how far it once reached.

The violin maker chose the wood by knocking on it. A board of spruce that rang like a bell was put on the left, a dull one on the right, and most of them went to the right. "Spruce for the top," he explained, "because it is light and stiff, and maple for the back, because it is beautiful." The customer wanted to know how long it would take. "Two hundred hours for my hands," said the old man, "and ten years for the wood, but those are already paid for." He wrote the name in a book with a pencil, blew the dust off the page, and closed it.

When a country borrows in its own currency, it can always pay its debts in the narrow sense that it can print the money. Whether it can pay them in goods is another question. If the new money buys only what would have been made anyway, prices rise, and the lenders receive the promised number of coins and a smaller number of loaves. Governments have known this for as long as there have been coins. In the third century the silver in a Roman denarius fell from half of its weight to less than a twentieth, and soldiers began to ask for their pay in grain.

Bees find their way home by the Sun, even when it is hidden, for they see a pattern in the light of the sky that human eyes cannot. A bee that has found a meadow full of clover flies back and dances on the comb in the dark of the hive. She runs in a straight line while shaking her body, turns, comes back, and runs again. The angle between the line and the vertical is the angle between the meadow and the Sun; the length of the run tells the distance, about one second for a kilometre. The others follow her with their feelers, and then they go.

"You said the shop would be open," he complained. The shutters were down and a cat slept on the step. "I said it used to be open," she answered. "On Thursdays." "Today is Thursday." She looked at the sign, then at the cat, and then at the little calendar on her watch. "In that case," she said, "it is a different Thursday." They walked back along the canal, and since there was nothing else to do they bought two pears from a man with a barrow, which turned out to be the best pears that either of them had ever eaten.

To change the wheel of a bicycle, first turn the machine upside down so that it rests on the saddle and the handlebars. Open the brake, loosen the nuts on both sides of the axle, and lift the wheel out. Use two levers to pull one side of the tyre over the rim, and take out the tube. Pump a little air into it and listen for the hole, or hold it under water and look for bubbles. Roughen the rubber around the hole, spread a thin layer of glue, wait until it is no longer wet, and press the patch on firmly. Before you put everything together again, feel along the inside of the tyre for the thorn; if it is still there, you will be back tomorrow.

The printing press did not kill the scribes at once. For two generations they went on copying, and the finest books of the age were still written by hand for people who thought print vulgar. But the number of books had changed for ever. A monastery that was proud of three hundred volumes in 1450 could buy as many in a single year by 1500. Prices fell by four fifths. With the books came errors, a thousand copies of each, and with the errors came lists of errors, and scholars who compared one edition with another and began to ask what the author had really written.

Rain has a smell because of what it falls on. Plants give off oils during dry weather, which soak into stones and soil, and bacteria in the ground make a substance called geosmin that human noses can detect at a few parts in a trillion. When a drop strikes a porous surface, tiny bubbles form beneath it, rise, and burst at the top like the bubbles in a glass of sparkling wine, throwing the scent into the air. A light rain releases more of it than a storm, and the first drops after a drought release the most.

The experiment failed, and this was the most useful result of the year. The engineers had expected the new alloy to crack at the weld, where everything had cracked before. It broke in the middle of the bar instead. Under the microscope the broken face showed rows of small round holes, each with a speck of something dark at the bottom. It took three weeks to find out that the specks came from the lining of the furnace, which was being eaten by the melt. They changed the lining. The next bar did not break at all, and the machine that was to break it had to be repaired.

In the north of the country people speak of two winters. The first brings snow in October, which everybody welcomes, because it is light and clean and covers the mud. The second begins in February, when the snow has grown grey and the firewood has been counted twice. Nothing is colder than a day in March on which the Sun shines. Children are sent out to play and stand about with their hands in their sleeves. Then one night the wind turns, the gutters begin to drip, and in the morning somebody says, as somebody says every year, that it was not so bad after all.

A harbour lives by its depth. When the river that feeds it runs slowly, mud settles on the bottom, a few centimetres each year, and ships that once came to the quay must anchor outside and send their cargo in by boat. Towns have fought this slow burial in many ways. They built walls to narrow the stream so that it would scour its own bed. They harnessed the tide, letting water into basins at high tide and releasing it in a rush at low. In the end most of them bought a dredger, a floating machine with a chain of buckets that lifts the bottom up, hour after hour, and carries it out to sea, from where a good part of it comes back.

"Sit down," said the judge, "and tell me in your own words what you saw." The witness sat on the edge of the chair. "I saw the van stop in front of the bakery. Two people got out. One of them was carrying a ladder." "Did you think that strange?" "No, sir. It was a painter's van. I thought it strange when they leaned the ladder against the wrong house." There was a murmur in the room. "Why the wrong house?" asked the judge. "Because I live in it," said the witness, "and I had not ordered any painting."

The potato came to Europe as a curiosity. Sailors brought it from the Andes in the sixteenth century, and for a long time it grew in the gardens of physicians and princes, who admired its flowers. Peasants distrusted a plant that was not mentioned in scripture and whose leaves and berries were poisonous. War changed their minds. A field of wheat could be burnt or trampled by an army in an afternoon, but a field of potatoes could be left in the ground until the soldiers had gone. By 1800 the poor of Ireland, Prussia, and Flanders ate little else. It gave more food from an acre than any grain, and it asked for nothing but a spade.

How does a lock on a canal work? It is a chamber with a gate at each end. A boat that wants to climb enters through the lower gate, which is then shut behind it. A small sluice in the upper gate is opened, and water runs in from above until the chamber stands as high as the upper canal. Now there is no pressure on the upper gate, and it can be pushed open by hand. The boat leaves at the new level. To go down, everything is done in the opposite order. No pump is needed; the only price is a chamber full of water that has moved from the upper level to the lower, which is why the highest part of a canal must have a reservoir.

A boy once asked his grandmother why she kept the broken radio. She told him that it was not broken, it was only silent. He laughed. She took a screwdriver out of the drawer, removed the back, and showed him the row of glass tubes, grey with dust. "Each of these was once warm," she said. "When you switched it on, you had to wait a minute for the voice to come, and you learned to wait. Your grandfather heard the end of the war come out of this box. It has said all it had to say." After that he dusted it every time he came to visit, and never again called it broken.

The number zero was invented at least twice. The Babylonians, who wrote numbers by position, at first left a gap where nothing stood, and later pressed two small wedges into the gap so that it could not be overlooked. The Maya drew a shell. But in both cases zero was a mark that kept other marks in their places. In India, in the seventh century, Brahmagupta treated it as a number with rules of its own: a number minus itself is zero, zero added to a number leaves it unchanged, zero times anything is zero. He stumbled over division, as have many since. From India the new number travelled to Baghdad, and from there, with the sign that we use, to the merchants of Pisa.

When you paint a room, most of the work happens before the tin is opened. Move the furniture to the middle and cover it. Fill holes with plaster, let it dry, and rub it smooth. Wash the walls, because paint does not stick to grease, and mask the edges of windows and sockets. Start with the ceiling. Then cut in the corners with a brush, and roll the walls from top to bottom in strips that overlap while they are still wet; if you stop in the middle of a wall, the line will be visible for years. Two thin coats are better than one thick one. Clean the brushes at once, while there is still somebody in the house who remembers whose turn it is.

Customer: The shoes I ordered are a size too small. May I send them back?
Assistant: Certainly. You have thirty days from delivery, and the return is free. Would you like a different size or your money back?
Customer: A different size, please. Do you have them in forty-two?
Assistant: We have two pairs left in brown and none in black. The black ones will arrive again on the ninth.
Customer: Then I take the brown ones. How do I pack them?
Assistant: Use the same box, put the slip from the lid inside, and leave the parcel at any post office. As soon as it is scanned there, we send the new pair, so you need not wait until we have received the old one.

The octopus has three hearts, blue blood, and most of its mind in its arms. About two thirds of its nerve cells lie outside the head, and an arm that has been cut off will go on groping for food and pass it to where the mouth would have been. The animal can change its colour in a fifth of a second, although its eyes seem to be blind to colours, a riddle that has not been solved. In aquariums octopuses have been seen to unscrew jars, to squirt water at lamps they did not like, and to climb out at night, eat the crabs in the next tank, and return before morning. They live for one or two years. No young octopus has ever been taught anything by an old one.

The bridge was finished in the autumn and opened in the spring, and in between nobody was allowed to cross it. The engineers wished to see what the frost would do. Every Monday a man with a measuring tape walked out to the middle, where the two halves met, and wrote down the width of the gap: twelve millimetres in October, seventeen in December, twenty-one on the coldest day of January. By April it was back to twelve. Then the mayor cut the ribbon, and four thousand people walked over the river with dry feet, and not one of them looked down at the narrow slot in the roadway, covered by a comb of steel, on which all of them depended.

Language changes most quickly where nobody is watching. The verbs that children use a hundred times a day, such as go, be, and have, keep their old irregular shapes for a thousand years, while rare ones are smoothed out as soon as someone forgets them. Holp became helped; clomb became climbed. A linguist can even give a half-life: a verb used ten times as seldom becomes regular about three times as fast. New words arrive through the young, the poor, and the enthusiastic. The written language follows at a distance, grumbling, and a century later the grammar books print as a rule what had once been the mistake.

A recipe for a quiet Sunday. Get up late, but not so late that the morning is gone. Make a pot of tea and drink it by the window. Read something that is of no use. Around noon, walk as far as the old mill and back, whatever the weather, and greet everyone you meet. Peel potatoes slowly. Telephone the friend whom you have meant to call since March; do not apologise for the delay, since he has not called either. In the evening light a lamp instead of the bright one on the ceiling, and write down three things that went well during the week. If there are only two, write down those.

Steel is iron with a little carbon in it, and the little makes all the difference. With a tenth of a percent the metal is soft enough to be drawn into wire and pressed into the door of a car. With eight tenths it can be hardened into a spring or a chisel. With more than two percent it is cast iron, which pours well into moulds and breaks under the hammer. Smiths knew how to move between these long before anyone knew what carbon was: they heated the blade in charcoal, quenched it in water, warmed it again until a yellow or blue film ran over the surface, and judged by the colour when to stop.

The ferry across the fjord takes twelve minutes, which is too short to read and too long to hold one's breath. In twenty-two years the captain has made the crossing a hundred and ninety thousand times, or, as he once worked out on a quiet day, five times around the world without ever having been more than two kilometres from his bed. The bridge will be opened next year. People ask him whether he is sad. He shrugs. From the bridge, he says, they will be across in one minute and forty seconds; and he wonders what they are going to do on the other side with the ten minutes that are left over, and where in all that time they will meet one another.

How is cheese given its holes? For a hundred years the answer seemed clear: bacteria in the ripening wheel eat acid and give off carbon dioxide, and the gas collects in bubbles. But from about 1970 the holes in the famous cheeses of Switzerland became fewer and smaller, although the bacteria were the same. The riddle was solved with an X-ray machine. The gas needs something at which to gather, and that was hay dust, a few specks of which used to fall into the open buckets in the stable. Modern milking machines had made the milk too clean. A few milligrams of powdered hay for a thousand litres brought the holes back, and their number can now be set to order.

Client: We would like the new office to be open, so that people meet.
Architect: And at the moment they don't?
Client: They send messages to the person at the next desk.
Architect: Then perhaps they want quiet. In offices without walls people talk less to one another, not more; it has been measured. They put on headphones.
Client: What do you propose?
Architect: Small rooms with doors, and a very good kitchen. It must be a bit too small, with the coffee machine at the far end, so that one has to squeeze past somebody.
Client: That's all?
Architect: And a staircase which is wider than it need be. The best conversations in any building take place where two people were on their way to something else.

When the first census was taken, the villagers hid their sons. A king who counts young men, they reasoned, wants soldiers, and a king who counts sheep wants sheep. The clerk wrote down what he was told: eleven households, forty women, six old men, no sons, no sheep. On the way back he counted the spoons that were drying on the window sills, and in the margin of his page he made a second column. This page has survived. Historians trust the margin. It has been said that all statistics since have consisted of two columns, of what people tell you and of what you can see from the road, and that the art lies in knowing which of them to send to the king.

An avalanche of dry snow can reach two hundred kilometres an hour before a skier has understood what the sound was. Nine times out of ten the victim, or somebody of his party, released it himself. The snow lies in layers, as the winter has left them: here a crust from a day of rain, there a sheet of loose crystals like sugar that formed during a week of clear nights, and over it the new snow, heavy and still. On a slope of more than thirty degrees such a sheet gives way under the weight of one person, and the crack runs sideways faster than one can shout. Those who are dug out within a quarter of an hour mostly live. Therefore everybody in the group carries a shovel, a probe, and a small transmitter, and those who know the mountains best turn back most often.

The tailor measured him twice and wrote down neither number. "The left shoulder is lower," he said. "You carry a bag?" "A violin," said the customer. "For how long?" "Since I was seven." The tailor nodded, as if that settled a price. He chose a dark grey cloth, folded a corner of it, and let it fall open again. "I could pad the left side, and you would look like everyone else. Or I can cut the coat as you are, and it will sit well whenever you play and a little crooked when you stand about at receptions." The young man considered. "I don't get asked to many receptions," he said. "You will," said the tailor, "if you play as crooked as that. I'll cut it as you are."

"""#
}
