//! From what people type to a tantivy query.

use super::{
    index::Search,
    parse,
    schema::{ENGLISH, PLAIN, exact_key},
};
use tantivy::{
    Score, Searcher, TantivyError, Term,
    query::{
        BooleanQuery, BoostQuery, ConstScoreQuery, EmptyQuery, FuzzyTermQuery, Occur, PhraseQuery,
        Query as TantivyQuery, TermQuery,
    },
    schema::{Field, IndexRecordOption},
};

/// Score of a whole identifier, and of a whole title: above any sum of word scores, which stay below
/// some thousands for the longest question.
const IDENTIFIER_SCORE: Score = 1_000_000.0;
const TITLE_SCORE: Score = 100_000.0;

/// A question, cut into words that the index knows.
pub(super) struct Asked {
    whole: String,
    pub words: Vec<Box<dyn TantivyQuery>>,
    phrases: Vec<Box<dyn TantivyQuery>>,
    /// Runs of several words that count more where they stand together.
    together: Vec<Box<dyn TantivyQuery>>,
    pub guessed: Vec<String>,
}

impl Search {
    /// Nothing where the text is blank.
    pub(super) fn asked(&self, searcher: &Searcher, text: &str) -> tantivy::Result<Option<Asked>> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        let parsed = parse::parse(text);
        let mut asked = Asked {
            whole: text.into(),
            words: Vec::new(),
            phrases: Vec::new(),
            together: Vec::new(),
            guessed: Vec::new(),
        };
        let mut seen = Vec::new();
        for word in &parsed.words {
            for stem in self.cut(ENGLISH, word)? {
                if !seen.contains(&stem) {
                    asked.words.push(self.word(searcher, &stem, word, &mut asked.guessed)?);
                    seen.push(stem);
                }
            }
            if self.cut(PLAIN, word)?.len() > 1 {
                asked.together.extend(self.phrase(word)?);
            }
        }
        for phrase in &parsed.phrases {
            asked.phrases.push(self.phrase(phrase)?.unwrap_or_else(|| Box::new(EmptyQuery)));
        }
        if asked.words.is_empty() && asked.phrases.is_empty() {
            // Only words like `the` and `who`: titles and identifiers are looked through as they are.
            for word in
                parsed.words.iter().map(|word| self.cut(PLAIN, word)).collect::<tantivy::Result<Vec<_>>>()?.concat()
            {
                asked.words.push(term(self.fields.names, &word, 1.0));
            }
        } else if parsed.words.len() > 1 {
            asked.together.extend(self.phrase_in(self.fields.title, ENGLISH, &parsed.words.join(" "), 2.0)?);
        }
        Ok(Some(asked))
    }

    fn cut(&self, tokenizer: &str, text: &str) -> tantivy::Result<Vec<String>> {
        let mut analyzer = self
            .index
            .tokenizers()
            .get(tokenizer)
            .ok_or_else(|| TantivyError::InternalError("a tokenizer is missing".into()))?;
        let mut stream = analyzer.token_stream(text);
        let mut words = Vec::new();
        while stream.advance() {
            words.push(stream.token().text.clone());
        }
        Ok(words)
    }

    /// One word in any field. A word in the title weighs most, one in the outline least.
    fn word(
        &self,
        searcher: &Searcher,
        stem: &str,
        typed: &str,
        guessed: &mut Vec<String>,
    ) -> tantivy::Result<Box<dyn TantivyQuery>> {
        let fields = &self.fields;
        let weighted = [(fields.title, 3.0), (fields.words, 1.5), (fields.outline, 1.0)];
        let mut any: Vec<Box<dyn TantivyQuery>> = Vec::new();
        for (field, weight) in weighted {
            if searcher.doc_freq(&Term::from_field_text(field, stem))? > 0 {
                any.push(term(field, stem, weight));
            }
        }
        // Identifiers are full of numbers; the title is in `names` too, so plain words are not counted twice.
        let in_names = stem.bytes().any(|byte| byte.is_ascii_digit()) || any.is_empty();
        if in_names && searcher.doc_freq(&Term::from_field_text(fields.names, stem))? > 0 {
            any.push(term(fields.names, stem, 1.0));
        }
        if any.is_empty() {
            if !guessed.iter().any(|word| word == typed) {
                guessed.push(typed.into());
            }
            any = self.similar(stem, &weighted);
        }
        Ok(if any.len() == 1 { any.remove(0) } else { Box::new(BooleanQuery::union(any)) })
    }

    /// Words that start with `stem` or are a slip away from it: one letter from four on, two from eight on.
    fn similar(&self, stem: &str, weighted: &[(Field, Score)]) -> Vec<Box<dyn TantivyQuery>> {
        let letters = stem.chars().count();
        let distance = match letters {
            0..4 => 0,
            4..8 => 1,
            _ => 2,
        };
        let mut any: Vec<Box<dyn TantivyQuery>> = Vec::new();
        for (field, weight) in weighted.iter().copied().chain([(self.fields.names, 1.0)]) {
            let term = Term::from_field_text(field, stem);
            if distance > 0 {
                any.push(boosted(Box::new(FuzzyTermQuery::new(term.clone(), distance, true)), weight));
            }
            if letters >= 2 {
                any.push(boosted(Box::new(FuzzyTermQuery::new_prefix(term, 0, true)), weight));
            }
        }
        if any.is_empty() { vec![Box::new(EmptyQuery)] } else { any }
    }

    /// Words in this order, in any field.
    fn phrase(&self, text: &str) -> tantivy::Result<Option<Box<dyn TantivyQuery>>> {
        let fields = &self.fields;
        let mut any = Vec::new();
        for (field, tokenizer, weight) in [
            (fields.title, ENGLISH, 3.0),
            (fields.words, ENGLISH, 1.5),
            (fields.outline, ENGLISH, 1.0),
            (fields.names, PLAIN, 2.0),
        ] {
            any.extend(self.phrase_in(field, tokenizer, text, weight)?);
        }
        Ok((!any.is_empty()).then(|| Box::new(BooleanQuery::union(any)) as Box<dyn TantivyQuery>))
    }

    fn phrase_in(
        &self,
        field: Field,
        tokenizer: &str,
        text: &str,
        weight: Score,
    ) -> tantivy::Result<Option<Box<dyn TantivyQuery>>> {
        let words = self.cut(tokenizer, text)?;
        Ok(match words.as_slice() {
            [] => None,
            [word] => Some(term(field, word, weight)),
            words => {
                let terms = words.iter().map(|word| Term::from_field_text(field, word)).collect();
                Some(boosted(Box::new(PhraseQuery::new(terms)), weight))
            }
        })
    }

    /// The whole question. `strict` asks for all words, or three quarters of four and more.
    pub(super) fn main(&self, asked: &Asked, strict: bool) -> Box<dyn TantivyQuery> {
        let needed = match (strict, asked.words.len()) {
            (false, _) => 1,
            (true, count @ 0..4) => count,
            (true, count) => (count * 3).div_ceil(4),
        };
        let copies =
            |queries: &[Box<dyn TantivyQuery>]| queries.iter().map(|query| query.box_clone()).collect::<Vec<_>>();
        let mut clauses: Vec<(Occur, Box<dyn TantivyQuery>)> = Vec::new();
        if needed == asked.words.len() {
            clauses.extend(copies(&asked.words).into_iter().map(|word| (Occur::Must, word)));
        } else {
            clauses.push((
                Occur::Must,
                Box::new(BooleanQuery::union_with_minimum_required_clauses(copies(&asked.words), needed)),
            ));
        }
        clauses.extend(copies(&asked.phrases).into_iter().map(|phrase| (Occur::Must, phrase)));
        clauses.extend(copies(&asked.together).into_iter().map(|bonus| (Occur::Should, bonus)));
        let words: Box<dyn TantivyQuery> = Box::new(BooleanQuery::new(clauses));
        let exact = |kind, score| -> Box<dyn TantivyQuery> {
            let term = Term::from_field_text(self.fields.exact, &exact_key(kind, &asked.whole));
            Box::new(ConstScoreQuery::new(Box::new(TermQuery::new(term, IndexRecordOption::Basic)), score))
        };
        Box::new(BooleanQuery::union(vec![words, exact('i', IDENTIFIER_SCORE), exact('t', TITLE_SCORE)]))
    }
}

fn term(field: Field, word: &str, weight: Score) -> Box<dyn TantivyQuery> {
    boosted(Box::new(TermQuery::new(Term::from_field_text(field, word), IndexRecordOption::WithFreqs)), weight)
}

fn boosted(query: Box<dyn TantivyQuery>, weight: Score) -> Box<dyn TantivyQuery> {
    if weight == 1.0 { query } else { Box::new(BoostQuery::new(query, weight)) }
}
